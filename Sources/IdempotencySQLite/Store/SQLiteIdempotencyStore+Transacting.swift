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

    /// How long a handler waits at most until its transaction begins.
    private static let longestWait = Duration.seconds(5)

    /// Opens a transaction for a handler, once those are over that were asked for before.
    ///
    /// Claims, renewals and finishes pass those that wait. Reads do not wait for the one that is open.
    ///
    /// - Parameter limit: How long it may stay open; not more than ``maximumTransactionTime``. It waits for half of that limit
    ///   before it begins, at most, and for 5 seconds.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable``, also if it has
    ///   waited for too long; `CancellationError`.
    public func beginTransaction(for limit: Duration) async throws -> any SQLSession {
        try await worker.openSession(
            for: min(limit, Self.maximumTransactionTime),
            waiting: min(limit / 2, Self.longestWait)
        )
    }
}
#endif
