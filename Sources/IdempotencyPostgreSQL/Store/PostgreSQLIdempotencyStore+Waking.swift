#if PostgreSQL
public import Idempotency

@available(Idempotency 0.1, *)
extension PostgreSQLIdempotencyStore: WakingIdempotencyStore {
    /// Asks to be woken at each change of a key's record: by this store at once, by another process as soon as the server tells.
    ///
    /// The key's row is marked, so that only changes that somebody waits for are announced.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - onChange: Called after each change, and about once a second without one.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable``: also for up to
    ///   two seconds after the server could not be reached, in which it is not tried again.
    public nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        try await listener.subscribe(to: key, reference: key.reference, onChange: onChange)
    }
}
#endif
