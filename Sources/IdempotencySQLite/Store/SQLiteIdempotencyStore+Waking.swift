#if SQLite
public import Idempotency

@available(Idempotency 0.1, *)
extension SQLiteIdempotencyStore: WakingIdempotencyStore {
    /// Asks to be woken at each change of a key's record: by this store at once, by another process within some milliseconds.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - onChange: Called after each change, and now and then without one.
    public nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        defer { worker.watchOtherProcesses() }
        return subscribers.add(key, onChange)
    }
}
#endif
