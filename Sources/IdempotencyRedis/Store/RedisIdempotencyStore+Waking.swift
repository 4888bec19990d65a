public import Idempotency

@available(Idempotency 0.1, *)
extension RedisIdempotencyStore: WakingIdempotencyStore {
    /// Asks to be woken at each change of a key's record: by another process as soon as the server tells.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - onChange: Called after each change, and about once a second without one; 40 times a second if the client cannot
    ///     listen (``RedisSubscribingClient``).
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable``: also for up to
    ///   two seconds after the server could not be reached, in which it is not tried again.
    public nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        try await listener.subscribe(to: key, reference: layout.text(key), onChange: onChange)
    }
}
