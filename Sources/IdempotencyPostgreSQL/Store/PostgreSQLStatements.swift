#if PostgreSQL
internal import IdempotencySQL

/// The statements of a table's store.
///
/// A version is drawn from the sequence where the row is locked already, never before: or the later of two writers could have
/// the lower number. The one exception is a row that is not there yet; that is why a row leaves only when it has been of no
/// use for so long (`grace`) that no statement of then can be under way.
///
/// The sequence is not trusted alone: it stays behind when tables are moved without it. A version is greater than the row's
/// own, and not less than the clock; what the sequence is for is a clock that was set back.
@available(Idempotency 0.1, *)
struct PostgreSQLStatements: Sendable {
    /// The calls of one message, by how many there are of a kind.
    let many: PostgreSQLCalls
    let one: PostgreSQLCalls
    /// Removals of a version: scope, key, version, and the grace. Answers those that were made.
    ///
    /// A row that was written lately stays, as an expired one.
    let remove: String
    /// A write over a version, of one call, in a transaction with other work: fails with a division by zero if it was not made,
    /// so that a commit that is already on its way behind it is not done.
    let finish: String
    let purge: String
    let nextVersion: String
    /// Raises the source of versions to the clock, if that is ahead.
    let raise: String
    /// Whether the tables are there, and whether a store may rely on them: see ``PostgreSQLTableLook``.
    let look: String
    /// Lets one process at a time make the table.
    let migrationLock: String
    let mark: String
    let notify: String
    let channel: String
    let schemaVersion: String

    init(_ table: SQLTable) {
        let schema = SQLSchema(table: table, dialect: .postgreSQL)
        let records = table.quoted
        let clock = SQLSchema.clock
        let sequence = Self.literal(schema.versionSequence)
        let draw = "nextval(\(sequence))"
        many = PostgreSQLCalls(records: records, draw: draw, areMany: true)
        one = PostgreSQLCalls(records: records, draw: draw, areMany: false)
        remove = """
            WITH asked AS MATERIALIZED (
                SELECT a.*, c.now - $4 AS lately
                FROM (SELECT \(clock) AS now) AS c, unnest($1::text[], $2::text[], $3::bigint[])
                    WITH ORDINALITY AS a (scope, key, version, number)
            ), free AS MATERIALIZED (
                SELECT a.number FROM asked AS a JOIN \(records) AS r ON r.scope = a.scope AND r.key = a.key
                WHERE r.version = a.version FOR UPDATE OF r SKIP LOCKED
            ), gone AS (
                DELETE FROM \(records) AS r USING asked AS a JOIN free USING (number)
                WHERE r.scope = a.scope AND r.key = a.key AND r.version = a.version AND r.expires_at > \(clock)
                    AND r.written_at < a.lately
                RETURNING a.number, r.awaited
            ), emptied AS (
                UPDATE \(records) AS r SET state = 'removed', version = greatest(\(draw), r.version + 1, \(clock)),
                    record = '', (written_at, held_until, expires_at) = (
                        SELECT c.now, c.now, c.now FROM (SELECT \(clock) AS now OFFSET 0) AS c
                    )
                FROM asked AS a JOIN free USING (number)
                WHERE r.scope = a.scope AND r.key = a.key AND r.version = a.version AND r.expires_at > \(clock)
                    AND r.written_at >= a.lately
                RETURNING a.number, r.version, r.awaited
            )
            SELECT number, greatest(\(draw), \(clock)), awaited FROM gone UNION ALL SELECT number, version, awaited FROM emptied
            """
        finish = """
            WITH done AS (
                UPDATE \(records) AS r SET state = $4, attempt = $5,
                    version = greatest(\(draw), r.version + 1, \(clock)), record = $8,
                    (written_at, held_until, expires_at) = (
                        SELECT c.now, c.now + $6, c.now + $7 FROM (SELECT \(clock) AS now OFFSET 0) AS c
                    )
                WHERE r.scope = $1 AND r.key = $2 AND r.version = $3 AND r.expires_at > \(clock)
                RETURNING r.version, r.awaited
            )
            SELECT (SELECT version FROM done), (SELECT awaited FROM done), 1 / (SELECT count(*) FROM done)
            """
        func expired(_ part: String, _ limit: String) -> String {
            """
            SELECT scope, key FROM \(records) WHERE \(part) AND expires_at <= (SELECT past FROM clock)
            ORDER BY expires_at, version LIMIT \(limit) FOR UPDATE SKIP LOCKED
            """
        }
        purge = """
            WITH clock AS MATERIALIZED (SELECT \(clock) - $1 AS past),
            open AS MATERIALIZED (\(expired(SQLSchema.open, "$2"))),
            done AS MATERIALIZED (\(expired(SQLSchema.done, "$2 - (SELECT count(*) FROM open)")))
            DELETE FROM \(records) AS r USING (SELECT * FROM open UNION ALL SELECT * FROM done) AS e
            WHERE r.scope = e.scope AND r.key = e.key AND r.expires_at <= (SELECT past FROM clock)
            """
        nextVersion = "SELECT greatest(\(draw), \(clock) + n) FROM generate_series(1, $1) AS n"
        raise = """
            SELECT setval(\(sequence), c.now) FROM \(schema.versionSequence) AS s, (SELECT \(clock) AS now) AS c
            WHERE s.last_value < c.now
            """
        let names = [records, schema.metaTable, schema.versionSequence].map { "to_regclass(\(Self.literal($0)))" }
        look = """
            SELECT t.name, c.oid IS NOT NULL, coalesce(c.relpersistence, 'p')::text,
                coalesce(c.relkind <> 'S' AND row_security_active(c.oid), false)
            FROM (VALUES ('records', \(names[0])), ('meta', \(names[1])), ('sequence', \(names[2]))) AS t (name, oid)
                LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
            """
        migrationLock = "SELECT pg_advisory_xact_lock(hashtextextended(\(Self.literal(records)), 8028074708219461990))"
        mark = """
            WITH free AS MATERIALIZED (
                SELECT r.scope, r.key FROM unnest($1::text[], $2::text[]) AS a (scope, key)
                    JOIN \(records) AS r ON r.scope = a.scope AND r.key = a.key
                WHERE NOT r.awaited FOR NO KEY UPDATE OF r SKIP LOCKED
            )
            UPDATE \(records) AS r SET awaited = true FROM free AS a WHERE r.scope = a.scope AND r.key = a.key
            """
        // The table's real schema, whether the store was given its name or found it by the search path.
        channel = """
            SELECT 'idempotency_' || left(encode(sha256(convert_to(n.nspname || '.' || c.relname, 'UTF8')), 'hex'), 32)
            FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = \(Self.literal(records))::regclass
            """
        notify = "SELECT pg_notify((\(channel)), a.reference) FROM unnest($1::text[]) AS a (reference)"
        schemaVersion = "SELECT schema_version::bigint FROM \(schema.metaTable)"
    }

    private static func literal(_ name: String) -> String {
        "'" + name.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
}
#endif
