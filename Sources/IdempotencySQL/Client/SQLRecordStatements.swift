internal import Idempotency

/// The statements of a store over an ``SQLClient``, at one moment.
///
/// They use no result of one another, and are one transaction each.
@available(Idempotency 0.1, *)
struct SQLRecordStatements: Sendable {
    let table: SQLTable
    let dialect: SQLDialect
    /// The time in microseconds since 1970, as an expression.
    let now: SQLStatement

    /// - Parameter clock: The process's time, for a database that has no clock.
    init(_ table: SQLTable, _ dialect: SQLDialect, clock: () -> Int64) {
        self.table = table
        self.dialect = dialect
        now =
            switch dialect {
            case .sqlite: "\(clock())"
            // Not `now()`, which is the time when the transaction began: there may have been a wait for a lock since.
            case .postgreSQL: "\(raw: SQLSchema.clock)"
            }
    }

    /// The time, read once for a whole statement: what may change from row to row no index can be searched for.
    var nowOnce: SQLStatement { "(SELECT \(now))" }

    var schema: SQLSchema { SQLSchema(table: table, dialect: dialect) }
    var records: SQLStatement { "\(raw: table.quoted)" }
    var meta: SQLStatement { "\(raw: schema.metaTable)" }

    /// Whether a row counts, which it does until it expires. What was removed on PostgreSQL leaves a row behind.
    var isThere: SQLStatement { "expires_at > \(now) AND state <> 'removed'" }

    func isAt(_ key: IdempotencyKey) -> SQLStatement {
        "scope = \(key.scope.text) AND key = \(key.value)"
    }

    /// What is there.
    func find(_ key: IdempotencyKey) -> SQLStatement {
        """
        SELECT CAST(NULL AS bigint) AS written, version, held_until, expires_at, record, \(now) AS now
        FROM \(records) WHERE \(isAt(key)) AND \(isThere)
        """
    }

    /// Makes a change if the version that is there is the one expected.
    ///
    /// The last row of the answer has the version of the write, and nothing else of interest, if it was made. If not, it is
    /// what is there, and there is none if nothing is.
    func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) -> [SQLStatement] {
        let expected = expected.map { Int64(bitPattern: $0.rawValue) }
        return switch dialect {
        case .sqlite: changeOnSQLite(key, expecting: expected, change)
        case .postgreSQL: [changeOnPostgreSQL(key, expecting: expected, change)]
        }
    }

    /// Takes away what has expired, the earliest first. The last row of the answer has their number.
    func purge(limit: Int) -> [SQLStatement] {
        switch dialect {
        case .sqlite: purgeOnSQLite(limit: limit)
        case .postgreSQL: [purgeOnPostgreSQL(limit: limit)]
        }
    }

    /// A page of records.
    func listing(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) throws(IdempotencyError) -> SQLListing {
        try SQLListing(query, after: cursor, limit: limit, table: table, dialect: dialect, now: now)
    }

    /// The version of the schema that the tables have.
    var schemaVersion: SQLStatement { "SELECT CAST(schema_version AS bigint) FROM \(meta)" }

    /// Makes the tables, or brings them up to this release's form.
    var migration: [SQLStatement] {
        let making: [SQLStatement] = schema.statements.map { "\(raw: $0)" }
        return switch dialect {
        case .sqlite: making
        case .postgreSQL: [lockOnPostgreSQL] + making + raiseOnPostgreSQL
        }
    }

    /// Writes what changes nothing; answers with the version of the schema, and fails if the tables are not there or may not
    /// be written.
    var check: [SQLStatement] {
        [
            "UPDATE \(meta) SET schema_version = schema_version RETURNING CAST(schema_version AS bigint)",
            "UPDATE \(records) SET attempt = attempt WHERE 1 = 0",
        ]
    }

    // MARK: Reading answers

    /// Reads what ``checkAndSet(_:expecting:_:)`` answered.
    static func changed(_ results: [[SQLRow]]) throws -> CheckAndSetResult {
        guard let row = results.joined().last else { return .conflict(nil) }
        if let version = try Int64?(sqlValue: row.values.first ?? .null) {
            return .stored(RecordVersion(rawValue: UInt64(bitPattern: version)))
        }
        return .conflict(try found(row))
    }

    /// Reads what ``find(_:)`` answered.
    static func found(_ row: SQLRow?) throws -> StoredRecord? {
        guard let row else { return nil }
        let (_, version, heldUntil, expiresAt, record, now) = try row.decode(
            as: Int64?.self,
            Int64.self,
            Int64.self,
            Int64.self,
            [UInt8].self,
            Int64.self
        )
        return try RecordColumns.stored(
            record: record,
            version: version,
            heldUntil: heldUntil,
            expiresAt: expiresAt,
            now: now
        )
    }
}
