public import Idempotency

/// A store as the conformance checks see it, with what they need beside it.
///
/// Each check makes keys of its own, so that one database serves all of them, one after the other or at once.
@available(Idempotency 0.1, *)
public struct StoreUnderTest: Sendable {
    /// The store.
    public let store: any IdempotencyStore
    /// The same records through another way: another connection, or another process. By default the same store.
    public let another: any IdempotencyStore
    /// A span that the store's clock can tell apart with certainty, whatever else the machine does. Leases are a few of it.
    public let tick: Duration
    /// Lets time pass on the store's clock: moves a manual one, or waits that long.
    public let advanceTime: @Sendable (Duration) async throws -> Void
    /// Closes the store and opens it again, as after a restart; `nil` where a restart loses everything.
    public let reopen: (@Sendable () async throws -> any IdempotencyStore)?

    /// Says how a store is to be checked.
    ///
    /// - Parameters:
    ///   - store: The store.
    ///   - another: The same records through another way; by default the same store.
    ///   - tick: A span that the store's clock can tell apart with certainty: a second on a manual clock, some hundred
    ///     milliseconds on a server.
    ///   - reopen: Closes the store and opens it again; `nil` where a restart loses everything.
    ///   - advanceTime: Lets time pass on the store's clock.
    public init(
        _ store: any IdempotencyStore,
        another: (any IdempotencyStore)? = nil,
        tick: Duration = .seconds(1),
        reopen: (@Sendable () async throws -> any IdempotencyStore)? = nil,
        advanceTime: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.store = store
        self.another = another ?? store
        self.tick = tick
        self.reopen = reopen
        self.advanceTime = advanceTime
    }
}
