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
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable``.
    public nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        let id = subscribers.add(key, onChange)
        do {
            try await listener.listen(for: key)
        } catch {
            subscribers.remove(key, id)
            throw error
        }
        return PostgreSQLSubscription(subscribers: subscribers, key: key, id: id)
    }
}

/// A wish to be woken.
@available(Idempotency 0.1, *)
struct PostgreSQLSubscription: StoreSubscription {
    let subscribers: PostgreSQLSubscribers
    let key: IdempotencyKey
    let id: UInt64

    func cancel() { subscribers.remove(key, id) }
}
#endif
