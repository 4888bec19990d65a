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
        var records: [ListedRecord] = []
        var next = cursor
        // In pieces: whoever waits for the same thread waits for one of them.
        repeat {
            let piece = try await list(query, after: next, atMost: min(max(1, limit) - records.count, Self.piece))
            records += piece.records
            next = piece.next
        } while next != nil && records.count < limit
        return RecordPage(records: records, next: next)
    }

    private func list(_ query: RecordQuery, after cursor: RecordCursor?, atMost limit: Int) async throws -> RecordPage {
        let read = { @Sendable [table] (records: SQLiteRecords, now: Int64) throws -> RecordPage in
            let listing = try SQLListing(
                query,
                after: cursor,
                limit: limit,
                table: table,
                dialect: .sqlite,
                now: "\(now)"
            )
            return try records.list(listing, now)
        }
        if let page = try await worker.reader?.use(read) { return page }
        return try await worker.use(read)
    }

    /// How many records are listed or taken away while others wait.
    private static let piece = 256

    /// Takes away expired records, the earliest first.
    ///
    /// - Parameter limit: How many at most; at least 1.
    public nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        let limit = max(1, limit)
        var count = 0
        while count < limit {
            let piece = min(limit - count, Self.piece)
            let gone = try await worker.use { records, now in try records.purge(piece, now) }
            count += gone
            if gone < piece { break }
        }
        return count
    }

    /// Makes sure that a key could be claimed: writes a record and removes it.
    ///
    /// - Returns: SQLite's version, the file, and the settings on which it rests what a loss of power takes.
    /// - Throws: ``/Idempotency/IdempotencyError`` that says what is wrong; with
    ///   ``/Idempotency/IdempotencyError/Code/unsupportedSchemaVersion`` if a newer release made the table.
    @discardableResult
    public nonisolated(nonsending) func check() async throws -> StoreReport {
        let schema = SQLSchema(table: table, dialect: .sqlite)
        return try await worker.use { records, now in
            let version = try records.schemaVersion(schema)
            guard version <= SQLSchema.version else { throw SQLiteErrors.newerSchema(version, SQLSchema.version) }
            try records.connection.run("BEGIN IMMEDIATE")
            try records.probe(now)
            try records.connection.commitEffects()
            return try records.connection.report()
        }
    }
}
#endif
