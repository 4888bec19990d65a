import Synchronization

/// Counts from many tasks.
@available(Idempotency 0.1, *)
public final class Counter: Sendable {
    private let count = Atomic(0)

    /// Begins at zero.
    public init() {}

    /// How much was counted.
    public var value: Int { count.load(ordering: .relaxed) }

    /// Counts one more. Returns how much that makes.
    @discardableResult
    public func add() -> Int { count.add(1, ordering: .relaxed).newValue }
}
