/// A store that can tell a waiting caller, also one in another process, that a record has changed.
///
/// A wake-up is a hint: it may come too often, and it may get lost. Whoever waits reads again when woken, and polls
/// slowly underneath.
@available(Idempotency 0.1, *)
public protocol WakingIdempotencyStore: IdempotencyStore {
    /// Asks to be woken at each change of a key's record from now on.
    ///
    /// The engine subscribes first and reads afterwards, so that a change between the two is not missed.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - onChange: Called after a change became visible to ``IdempotencyStore/load(_:)``; from any thread, quick, and
    ///     never under a lock of the store's: it may cancel its subscription.
    /// - Returns: The subscription; it ends when it is cancelled.
    /// - Throws: An error if nothing could be subscribed. The engine then polls.
    nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription
}
