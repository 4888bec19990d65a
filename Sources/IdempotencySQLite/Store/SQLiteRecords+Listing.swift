#if SQLite
internal import Idempotency
internal import IdempotencySQL

@available(Idempotency 0.1, *)
extension SQLiteRecords {
    /// A page of records.
    func list(_ listing: SQLListing, _ now: Int64) throws -> RecordPage {
        let statement = try connection.statement(once: listing.statement.text(in: .sqlite))
        defer { statement.reset() }
        for (index, value) in listing.statement.parameters.enumerated() {
            try statement.bind(value, at: Int32(index + 1))
        }
        var records: [ListedRecord] = []
        var next: RecordCursor?
        while try statement.step() {
            let (version, expiresAt) = (statement.integer(0), statement.integer(2))
            if let listed = try listed(statement, now) { records.append(listed) }
            next = listing.cursor(version: version, expiresAt: expiresAt)
        }
        return RecordPage(records: records, next: records.count < listing.limit ? nil : next)
    }

    private func listed(_ row: SQLiteStatement, _ now: Int64) throws -> ListedRecord? {
        let stored = try RecordColumns.stored(
            record: row.bytes(3),
            version: row.integer(0),
            heldUntil: row.integer(1),
            expiresAt: row.integer(2),
            now: now
        )
        guard let stored, let operation = row.text(5), let value = row.text(8) else { return nil }
        let scope = try IdempotencyScope(operation, tenant: row.text(6), principal: row.text(7))
        let age = Duration.microseconds(max(0, now.addingClamped(-row.integer(4))))
        return ListedRecord(key: try IdempotencyKey(scope: scope, value: value), stored: stored, age: age)
    }

    /// Writes a record of some pages and removes it, within a transaction that holds the write lock.
    func probe(_ now: Int64) throws(SQLiteFailure) {
        let probe = StoreProbe()
        let write = Write(key: probe.key, expected: nil, change: .write(probe.record))
        guard let version = try makeInTransaction(write, now) else { return }
        _ = try makeInTransaction(Write(key: probe.key, expected: version, change: .remove), now)
    }

    /// The version of the schema that the tables have.
    func schemaVersion(_ schema: SQLSchema) throws(SQLiteFailure) -> Int64 {
        let select = try connection.statement(once: "SELECT schema_version FROM \(schema.metaTable)")
        defer { select.reset() }
        return try select.step() ? select.integer(0) : 0
    }
}
#endif
