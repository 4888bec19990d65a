internal import Idempotency

@available(Idempotency 0.1, *)
extension SQLRecordStatements {
    /// Within a transaction that holds the write lock: what is there, a version, and the change.
    ///
    /// A version is drawn only if the change will be made, so that a lost check writes nothing and costs no flush.
    func changeOnSQLite(_ key: IdempotencyKey, expecting expected: Int64?, _ change: RecordChange) -> [SQLStatement] {
        let matches: SQLStatement =
            if let expected {
                "EXISTS (SELECT 1 FROM \(records) WHERE \(isAt(key)) AND version = \(expected) AND \(isThere))"
            } else {
                "NOT EXISTS (SELECT 1 FROM \(records) WHERE \(isAt(key)) AND \(isThere))"
            }
        let drawn: SQLStatement =
            // Versions begin at the clock, so that they grow even if the file is played back from a copy.
            "UPDATE \(meta) SET last_version = max(last_version, \(now)) + 1 WHERE \(matches) RETURNING last_version"
        let made: [SQLStatement] =
            switch (change, expected) {
            case (.write(let record), nil): [insertOnSQLite(key, RecordColumns(record))]
            case (.write(let record), let expected?): [updateOnSQLite(key, RecordColumns(record), over: expected)]
            case (.remove, let expected?):
                ["DELETE FROM \(records) WHERE \(isAt(key)) AND version = \(expected) AND \(isThere)"]
            case (.remove, nil): []
            }
        return [find(key), drawn] + made
    }

    private var lastVersion: SQLStatement { "(SELECT last_version FROM \(meta))" }

    private func insertOnSQLite(_ key: IdempotencyKey, _ columns: RecordColumns) -> SQLStatement {
        """
        INSERT INTO \(records)
            (scope, key, operation, tenant, principal, state, attempt, version, written_at, held_until, expires_at, record)
        VALUES (\(key.scope.text), \(key.value), \(key.scope.operation), \(key.scope.tenant), \(key.scope.principal),
            \(columns.state), \(columns.attempt), \(lastVersion), \(now), \(now) + \(columns.held), \(now) + \(columns.kept),
            \(columns.record))
        ON CONFLICT (scope, key) DO UPDATE SET
            state = excluded.state, attempt = excluded.attempt, version = excluded.version,
            written_at = excluded.written_at, held_until = excluded.held_until, expires_at = excluded.expires_at,
            record = excluded.record
        WHERE NOT (\(isThere))
        """
    }

    private func updateOnSQLite(_ key: IdempotencyKey, _ columns: RecordColumns, over expected: Int64) -> SQLStatement {
        """
        UPDATE \(records) SET state = \(columns.state), attempt = \(columns.attempt), version = \(lastVersion),
            written_at = \(now), held_until = \(now) + \(columns.held), expires_at = \(now) + \(columns.kept),
            record = \(columns.record)
        WHERE \(isAt(key)) AND version = \(expected) AND \(isThere)
        """
    }

    func purgeOnSQLite(limit: Int) -> [SQLStatement] {
        func expired(_ part: String) -> SQLStatement {
            "SELECT scope, key, expires_at FROM \(records) WHERE \(raw: part) AND expires_at <= \(now)"
        }
        return [
            """
            DELETE FROM \(records) WHERE (scope, key) IN (SELECT scope, key FROM (
                \(expired(SQLSchema.open)) UNION ALL \(expired(SQLSchema.done)) ORDER BY expires_at LIMIT \(limit)
            ))
            """,
            "SELECT changes()",
        ]
    }
}
