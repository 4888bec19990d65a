#if SQLite
public import IdempotencySQL

@available(Idempotency 0.1, *)
extension SQLiteIdempotencyStore: TransactionalIdempotencyStore, SQLTableStore {
    /// The database's dialect.
    public var dialect: SQLDialect { .sqlite }

    /// How long a transaction of a handler may stay open that does not run on the store's thread: while it is, nobody else is
    /// served, because SQLite has one writer.
    public static let maximumTransactionTime = Duration.seconds(1)

    /// SQLite has one writer.
    public var excludesOtherWrites: Bool { true }

    /// Opens a transaction for a handler. All other calls of the store wait until it is over.
    ///
    /// - Parameter limit: How long it may stay open; not more than ``maximumTransactionTime``.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable``.
    public func beginTransaction(for limit: Duration) async throws -> any SQLSession {
        try await worker.openSession(for: min(limit, Self.maximumTransactionTime))
    }
}
#endif
