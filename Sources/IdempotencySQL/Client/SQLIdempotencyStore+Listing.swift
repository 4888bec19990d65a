public import Idempotency

@available(Idempotency 0.1, *)
extension SQLIdempotencyStore: ListableIdempotencyStore {
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
        let listing = try statements.listing(query, after: cursor, limit: max(1, limit))
        let results = try await run([listing.statement], isReadOnly: true)
        return try read { try SQLRecordStatements.page(results, of: listing) }
    }

    /// Takes away expired records, the earliest first. On PostgreSQL only what has been expired for a minute, and what is not
    /// done before what is.
    ///
    /// - Parameter limit: How many at most; at least 1.
    public nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        let results = try await run(statements.purge(limit: max(1, limit)))
        return try read { try Int(sqlValue: results.last?.first?.values.first ?? .null) }
    }

    /// Makes sure that a key could be claimed: looks whether this release knows the tables, writes a record and removes it.
    ///
    /// - Returns: Which database it is.
    /// - Throws: ``/Idempotency/IdempotencyError`` that says what is wrong, or what the driver throws.
    @discardableResult
    public nonisolated(nonsending) func check() async throws -> StoreReport {
        try requireKnownSchema(try await run(statements.check))
        let probe = StoreProbe()
        if case .stored(let version) = try await checkAndSet(probe.key, expecting: nil, .write(probe.record)) {
            _ = try await checkAndSet(probe.key, expecting: version, .remove)
        }
        return StoreReport(product: client.dialect == .sqlite ? "SQLite" : "PostgreSQL", role: .unknown)
    }
}

@available(Idempotency 0.1, *)
extension SQLRecordStatements {
    /// Reads what a listing answered.
    fileprivate static func page(_ results: [[SQLRow]], of listing: SQLListing) throws -> RecordPage {
        let rows = results.last ?? []
        var records: [ListedRecord] = []
        var next: RecordCursor?
        for row in rows {
            let (version, heldUntil, expiresAt, record, writtenAt, operation, tenant, principal, value, now) =
                try row.decode(
                    as: Int64.self,
                    Int64.self,
                    Int64.self,
                    [UInt8].self,
                    Int64.self,
                    String.self,
                    String?.self,
                    String?.self,
                    String.self,
                    Int64.self
                )
            next = listing.cursor(version: version, expiresAt: expiresAt)
            let stored = try RecordColumns.stored(
                record: record,
                version: version,
                heldUntil: heldUntil,
                expiresAt: expiresAt,
                now: now
            )
            // Expired since.
            guard let stored else { continue }
            let scope = try IdempotencyScope(operation, tenant: tenant, principal: principal)
            let age = Duration.microseconds(max(0, now.addingClamped(-writtenAt)))
            records.append(
                ListedRecord(key: try IdempotencyKey(scope: scope, value: value), stored: stored, age: age)
            )
        }
        return RecordPage(records: records, next: rows.count < listing.limit ? nil : next)
    }
}
