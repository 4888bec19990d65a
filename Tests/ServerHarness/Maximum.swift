import Synchronization

/// The largest of the numbers that many tasks tell.
@available(Idempotency 0.1, *)
public final class Maximum: Sendable {
    private let number = Mutex(0)

    /// Begins at zero.
    public init() {}

    /// The largest number so far.
    public var value: Int { number.withLock { $0 } }

    /// Tells a number.
    public func add(_ other: Int) { number.withLock { $0 = max($0, other) } }

    /// Begins at zero again.
    public func reset() { number.withLock { $0 = 0 } }
}
