#if SQLite
public import Idempotency
internal import IdempotencySQL

@available(Idempotency 0.1, *)
extension SQLiteIdempotencyStore: ListableIdempotencyStore {
    /// Lists records, a page at a time.
    ///
    /// - Parameters:
    ///   - query: Which records.
    ///   - cursor: Where the page before ended; `nil`: the first page.
    ///   - limit: How many records a page holds at most; at least 1.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidCursor``.
    public nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        try await worker.use { [table] records, now in
            let listing = try SQLListing(
                query,
                after: cursor,
                limit: max(1, limit),
                table: table,
                dialect: .sqlite,
                now: "\(now)"
            )
            return try records.list(listing, now)
        }
    }

    /// Takes away expired records, the earliest first.
    ///
    /// - Parameter limit: How many at most; at least 1.
    public nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        try await worker.use { records, now in try records.purge(max(1, limit), now) }
    }

    /// Makes sure that the database can be written to.
    public nonisolated(nonsending) func check() async throws {
        try await worker.use { records, _ in
            try records.connection.run("BEGIN IMMEDIATE")
            try records.setLastVersion(try records.lastVersion())
            try records.connection.run("COMMIT")
        }
    }
}
#endif
