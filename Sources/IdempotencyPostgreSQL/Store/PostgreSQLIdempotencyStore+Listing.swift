#if PostgreSQL
public import Idempotency
internal import IdempotencySQL

@available(Idempotency 0.1, *)
extension PostgreSQLIdempotencyStore: ListableIdempotencyStore {
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
        let listing = try SQLListing(
            query,
            after: cursor,
            limit: max(1, limit),
            table: table,
            dialect: .postgreSQL,
            now: "\(raw: SQLSchema.clock)"
        )
        let command = PostgreSQLConnection.Command(
            sql: listing.statement.text(in: .postgreSQL),
            parameters: listing.statement.parameters.map { .typed($0) },
            isKept: false
        )
        return try await worker.use { lane in try Self.page(lane.send([command])[0], listing) }
    }

    private static func page(_ rows: PostgreSQLRows, _ listing: SQLListing) throws -> RecordPage {
        var records: [ListedRecord] = []
        var next: RecordCursor?
        for row in 0..<rows.count {
            let now = rows.integer(row, 9)
            next = listing.cursor(version: rows.integer(row, 0), expiresAt: rows.integer(row, 2))
            let stored = try RecordColumns.stored(
                record: rows.bytes(row, 3),
                version: rows.integer(row, 0),
                heldUntil: rows.integer(row, 1),
                expiresAt: rows.integer(row, 2),
                now: now
            )
            guard let stored, let operation = rows.text(row, 5), let value = rows.text(row, 8) else { continue }
            let scope = try IdempotencyScope(operation, tenant: rows.text(row, 6), principal: rows.text(row, 7))
            let age = Duration.microseconds(max(0, now.addingClamped(-rows.integer(row, 4))))
            records.append(ListedRecord(key: try IdempotencyKey(scope: scope, value: value), stored: stored, age: age))
        }
        return RecordPage(records: records, next: rows.count < listing.limit ? nil : next)
    }

    /// Takes away records that expired more than a minute ago: those that are not done before those that are, the earliest
    /// first. What several processes purge at the same time, each takes another part of.
    ///
    /// - Parameter limit: How many at most; at least 1.
    public nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        let command = PostgreSQLConnection.Command(
            sql: statements.purge,
            parameters: [.integer(grace), .integer(Int64(max(1, limit)))]
        )
        return try await worker.use { lane in try lane.send([command])[0].changes }
    }

    /// Makes sure that a key could be claimed: writes a record and removes it.
    ///
    /// - Returns: The server's version and address, and the settings on which it rests what a crash or a failover takes.
    /// - Throws: ``/Idempotency/IdempotencyError`` that says what is wrong; with
    ///   ``/Idempotency/IdempotencyError/Code/unsupportedSchemaVersion`` if a newer release made the table.
    @discardableResult
    public nonisolated(nonsending) func check() async throws -> StoreReport {
        let look = PostgreSQLConnection.Command(sql: statements.look, isKept: false)
        let schemaVersion = PostgreSQLConnection.Command(sql: statements.schemaVersion, isKept: false)
        let report = PostgreSQLConnection.Command(sql: PostgreSQLReport.query, isKept: false)
        let (version, found) = try await worker.use { [opener] lane in
            try opener.lookAgain()
            let rows = try lane.send([look, schemaVersion, report])
            try PostgreSQLTableLook(rows[0]).validate()
            return (rows[1].integer(0, 0), PostgreSQLReport.report(rows[2]))
        }
        guard version <= SQLSchema.version else { throw PostgreSQLErrors.newerSchema(version) }
        let probe = StoreProbe()
        guard case .stored(let written) = try await checkAndSet(probe.key, expecting: nil, .write(probe.record)) else {
            return found
        }
        _ = try await checkAndSet(probe.key, expecting: written, .remove)
        return found
    }
}
#endif
