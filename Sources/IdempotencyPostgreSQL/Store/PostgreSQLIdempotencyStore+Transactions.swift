#if PostgreSQL
internal import Idempotency
public import IdempotencySQL

@available(Idempotency 0.1, *)
extension PostgreSQLIdempotencyStore: TransactionalIdempotencyStore, SQLTableStore {
    /// The database's dialect.
    public var dialect: SQLDialect { .postgreSQL }

    /// Only where a handler's transaction reads a snapshot, in which its finish would not find a record that was renewed since.
    public var excludesOtherWrites: Bool { opener.options.isolation != .readCommitted }

    /// Opens a transaction on a connection that the store's own calls never wait for.
    ///
    /// It begins with the first statement, at the isolation that the store was given. What a handler changes in the session,
    /// beyond the transaction, stays for the next handler: use `SET LOCAL`.
    ///
    /// - Parameter limit: How long it may stay open; then it is rolled back, also by the server alone.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable`` if the server
    ///   cannot be reached, or no connection comes free in time; `CancellationError`.
    public func beginTransaction(for limit: Duration) async throws -> any SQLSession {
        let seat = try await seats.take(within: min(limit, opener.options.connectTimeout))
        let opened = await seat.run { [opener] in Result { try seat.connect(opener) } }
        if case .failure(let error) = opened {
            seats.give(seat)
            throw PostgreSQLErrors.error(for: error, wasSent: false)
        }
        return PostgreSQLSession(self, seat, limit: limit)
    }

    /// Tells whoever waits for a key that a transaction has changed it.
    func announce(_ key: IdempotencyKey, isAwaited: Bool) {
        subscribers.wake([key])
        if isAwaited { worker.announce([key]) }
    }
}
#endif
