internal import Idempotency

/// On PostgreSQL a change and the look at what is there instead are one statement, and one round trip.
///
/// The two halves do not see the same: the look sees what was committed when the statement began, the change what is there
/// once it has the row's lock. So a change that met another writer may have found a record, and the look none, or the very
/// version that was expected. The store then asks again.
///
/// A claim that nobody contends for draws its version before it knows that the key is free. For a minute after a row was last
/// written it is therefore not deleted: the claim of a statement that was held up in between would be an older version's.
/// `statement_timeout` has to end such a statement before that.
@available(Idempotency 0.1, *)
extension SQLRecordStatements {
    /// For how long a row is kept in any case, in microseconds.
    private var quarantine: SQLStatement { "\(raw: String(SQLSchema.grace.nanoseconds / 1000))" }

    /// Drawn in the statement's `SET`, which is computed under the row's lock. `EXCLUDED` is computed before.
    private var nextVersion: SQLStatement { "nextval(\(sequenceName))" }

    private var sequenceName: SQLStatement {
        "'\(raw: schema.versionSequence.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
    }

    func changeOnPostgreSQL(
        _ key: IdempotencyKey,
        expecting expected: Int64?,
        _ change: RecordChange
    ) -> SQLStatement {
        let writing: SQLStatement =
            switch (change, expected) {
            case (.write(let record), nil): "written AS (\(insertOnPostgreSQL(key, RecordColumns(record))))"
            case (.write(let record), let expected?):
                "written AS (\(updateOnPostgreSQL(key, RecordColumns(record), over: expected)))"
            case (.remove, let expected?): removeOnPostgreSQL(key, expected)
            case (.remove, nil):
                """
                written AS (SELECT \(nextVersion) AS version
                    WHERE NOT EXISTS (SELECT FROM \(records) WHERE \(isAt(key)) AND \(isThere)))
                """
            }
        return """
            WITH \(writing)
            SELECT version AS written, NULL::bigint AS version, NULL::bigint AS held_until, NULL::bigint AS expires_at,
                NULL::bytea AS record, NULL::bigint AS now
            FROM written
            UNION ALL
            \(find(key)) AND NOT EXISTS (SELECT FROM written)
            """
    }

    private func insertOnPostgreSQL(_ key: IdempotencyKey, _ columns: RecordColumns) -> SQLStatement {
        """
        INSERT INTO \(records) AS there
            (scope, key, operation, tenant, principal, state, attempt, version, written_at, held_until, expires_at, record)
        VALUES (\(key.scope.text), \(key.value), \(key.scope.operation), \(key.scope.tenant), \(key.scope.principal),
            \(columns.state), \(columns.attempt), \(nextVersion), \(now), \(now) + \(columns.held), \(now) + \(columns.kept),
            \(columns.record))
        ON CONFLICT (scope, key) DO UPDATE SET
            state = EXCLUDED.state, attempt = EXCLUDED.attempt, version = \(nextVersion),
            written_at = \(now), held_until = \(now) + \(columns.held), expires_at = \(now) + \(columns.kept),
            record = EXCLUDED.record
        WHERE there.expires_at <= \(now) OR there.state = 'removed'
        RETURNING version
        """
    }

    private func updateOnPostgreSQL(_ key: IdempotencyKey, _ columns: RecordColumns, over expected: Int64)
        -> SQLStatement
    {
        """
        UPDATE \(records) SET state = \(columns.state), attempt = \(columns.attempt), version = \(nextVersion),
            written_at = \(now), held_until = \(now) + \(columns.held), expires_at = \(now) + \(columns.kept),
            record = \(columns.record)
        WHERE \(isAt(key)) AND version = \(expected) AND \(isThere)
        RETURNING version
        """
    }

    /// Deletes a row that is old enough, and marks a younger one, which a purge takes.
    private func removeOnPostgreSQL(_ key: IdempotencyKey, _ expected: Int64) -> SQLStatement {
        // A deleted row's version need not be remembered: all that are drawn from now on are greater than both.
        """
        dropped AS (
            DELETE FROM \(records)
            WHERE \(isAt(key)) AND version = \(expected) AND \(isThere) AND written_at <= \(now) - \(quarantine)
            RETURNING least(version + 1, \(nextVersion)) AS version
        ), marked AS (
            UPDATE \(records) SET state = 'removed', version = \(nextVersion),
                written_at = \(now), held_until = \(now), expires_at = \(now), record = ''::bytea
            WHERE \(isAt(key)) AND version = \(expected) AND \(isThere) AND written_at > \(now) - \(quarantine)
            RETURNING version
        ), written AS (SELECT version FROM dropped UNION ALL SELECT version FROM marked)
        """
    }

    func purgeOnPostgreSQL(limit: Int) -> SQLStatement {
        func due(_ part: String, _ limit: SQLStatement) -> SQLStatement {
            """
            SELECT scope, key FROM \(records) WHERE \(raw: part) AND expires_at <= \(nowOnce) - \(quarantine)
            ORDER BY expires_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
            """
        }
        return """
            WITH open AS MATERIALIZED (\(due(SQLSchema.open, "\(limit)"))),
            done AS MATERIALIZED (\(due(SQLSchema.done, "\(limit) - (SELECT count(*) FROM open)"))),
            due AS MATERIALIZED (SELECT * FROM open UNION ALL SELECT * FROM done), gone AS (
                DELETE FROM \(records) AS there USING due WHERE there.scope = due.scope AND there.key = due.key RETURNING 1
            )
            SELECT count(*) FROM gone
            """
    }

    /// One migration at a time: two that make the same table at once would fail.
    var lockOnPostgreSQL: SQLStatement {
        "SELECT true FROM pg_advisory_xact_lock(hashtextextended(\(table.quoted), 0))"
    }

    /// Raises the source of versions to the clock, so that they grow although a backup was played back.
    ///
    /// The `ALTER` changes nothing. It keeps others from drawing a version between the look at the last one and the raise.
    var raiseOnPostgreSQL: [SQLStatement] {
        let sequence: SQLStatement = "\(raw: schema.versionSequence)"
        return [
            "ALTER SEQUENCE \(sequence) CACHE 1",
            "SELECT setval(\(sequenceName), greatest(last_value, \(now))) FROM \(sequence)",
        ]
    }
}
