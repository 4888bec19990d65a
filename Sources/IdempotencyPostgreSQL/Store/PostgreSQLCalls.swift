#if PostgreSQL
internal import IdempotencySQL

/// The statements of calls that look and write, with arrays for many calls that wait together, an element a call, or with plain
/// values for a single one, which the server is faster with.
@available(Idempotency 0.1, *)
struct PostgreSQLCalls: Sendable {
    /// What is there: scope, key. Answers what was found, live or expired, with the call's number; nothing is locked or written.
    let look: String
    /// Claims of what is not there: scope, key, operation, tenant, principal, state, attempt, held, kept, record. Answers those
    /// that were written, in order, with their keys.
    ///
    /// What is there is neither locked nor written, so a claim costs whoever holds the key nothing. Nor does a claim wait for
    /// whoever has written to it and not committed yet, which ON CONFLICT alone would: what can be seen is left out before.
    let claim: String
    /// Writes over a version: scope, key, version, state, attempt, held, kept, record. Answers those that were made, with the
    /// call's number.
    let update: String
    /// Claims over a version that has expired: as ``update``.
    let replace: String
    /// The same two, without the rows that another transaction has locked: no other key waits for them. They lock what they
    /// write first, which costs more, and are for messages that have met a locked row.
    let updateUnlocked: String
    let replaceUnlocked: String

    /// - Parameters:
    ///   - records: The table.
    ///   - draw: The expression that draws a version.
    ///   - areMany: Whether parameters are arrays.
    init(records: String, draw: String, areMany: Bool) {
        let clock = SQLSchema.clock
        /// The calls as rows of parameters, numbered from 1, each with the time when it has its turn.
        func calls(_ columns: [(name: String, type: String)]) -> String {
            let names = (columns.map(\.name) + ["number"]).joined(separator: ", ")
            let values = columns.indices.map { "$\($0 + 1)::\(columns[$0].type)\(areMany ? "[]" : "")" }
                .joined(separator: ", ")
            // A call's times are read off the clock once, or an operator would see them disagree.
            return areMany
                ? "(SELECT *, \(clock) FROM unnest(\(values)) WITH ORDINALITY OFFSET 0) AS a (\(names), now)"
                : "(SELECT \(values), 1::bigint, \(clock) OFFSET 0) AS a (\(names), now)"
        }
        look = """
            SELECT a.number, r.version, r.held_until, r.expires_at, \(clock), r.record
            FROM \(calls([("scope", "text"), ("key", "text")]))
                JOIN \(records) AS r ON r.scope = a.scope AND r.key = a.key
            """
        let claims = calls([
            ("scope", "text"), ("key", "text"), ("operation", "text"), ("tenant", "text"), ("principal", "text"),
            ("state", "text"), ("attempt", "bigint"), ("held", "bigint"), ("kept", "bigint"), ("record", "bytea"),
        ])
        claim = """
            INSERT INTO \(records) AS r (scope, key, operation, tenant, principal, state, attempt, version,
                written_at, held_until, expires_at, record)
            SELECT scope, key, operation, tenant, principal, state, attempt, greatest(\(draw), now + number),
                now, now + held, now + kept, record
            FROM \(claims)
            WHERE NOT EXISTS (SELECT FROM \(records) AS t WHERE t.scope = a.scope AND t.key = a.key)
            ON CONFLICT (scope, key) DO NOTHING
            RETURNING scope, key, version, awaited
            """
        let changes = """
            state = a.state, attempt = a.attempt, version = greatest(\(draw), r.version + 1, a.now + a.number),
                record = a.record, written_at = a.now, held_until = a.now + a.held, expires_at = a.now + a.kept
            """
        let writes = calls([
            ("scope", "text"), ("key", "text"), ("version", "bigint"), ("state", "text"), ("attempt", "bigint"),
            ("held", "bigint"), ("kept", "bigint"), ("record", "bytea"),
        ])
        func write(over condition: String) -> String {
            """
            UPDATE \(records) AS r SET \(changes) FROM \(writes)
            WHERE r.scope = a.scope AND r.key = a.key AND r.version = a.version AND \(condition)
            RETURNING a.number, r.version, r.awaited
            """
        }
        func writeUnlocked(over condition: String) -> String {
            """
            WITH a AS MATERIALIZED (SELECT * FROM \(writes)), free AS MATERIALIZED (
                SELECT a.number FROM a JOIN \(records) AS r ON r.scope = a.scope AND r.key = a.key
                WHERE r.version = a.version FOR NO KEY UPDATE OF r SKIP LOCKED
            )
            UPDATE \(records) AS r SET \(changes) FROM a JOIN free USING (number)
            WHERE r.scope = a.scope AND r.key = a.key AND r.version = a.version AND \(condition)
            RETURNING a.number, r.version, r.awaited
            """
        }
        let (live, expired) = ("r.expires_at > \(clock)", "r.expires_at <= \(clock)")
        update = write(over: live)
        replace = write(over: expired)
        updateUnlocked = writeUnlocked(over: live)
        replaceUnlocked = writeUnlocked(over: expired)
    }
}
#endif
