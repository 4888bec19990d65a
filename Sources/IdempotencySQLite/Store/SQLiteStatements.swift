#if SQLite
internal import IdempotencySQL

/// The statements of a table's store.
@available(Idempotency 0.1, *)
struct SQLiteStatements: Sendable {
    let find: SQLiteText
    let insert: SQLiteText
    let update: SQLiteText
    let remove: SQLiteText
    let lastVersion: SQLiteText
    let setLastVersion: SQLiteText
    let databaseNumber: SQLiteText
    let purge: SQLiteText
    /// Grows when another connection commits a change.
    let contentNumber = SQLiteText("PRAGMA data_version")

    init(_ table: SQLTable) {
        let records = table.quoted
        let meta = SQLSchema(table: table, dialect: .sqlite).metaTable
        find = SQLiteText(
            "SELECT version, held_until, expires_at, record FROM \(records) WHERE scope = ?1 AND key = ?2"
        )
        // Parameter 6 is the time of the write: whatever has expired by then counts as absent.
        insert = SQLiteText(
            """
            INSERT INTO \(records)
                (scope, key, state, attempt, version, written_at, held_until, expires_at, record, operation, tenant, principal)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT (scope, key) DO UPDATE SET
                state = excluded.state, attempt = excluded.attempt, version = excluded.version,
                written_at = excluded.written_at, held_until = excluded.held_until, expires_at = excluded.expires_at,
                record = excluded.record
            WHERE expires_at <= ?6
            """
        )
        update = SQLiteText(
            """
            UPDATE \(records)
            SET state = ?3, attempt = ?4, version = ?5, written_at = ?6, held_until = ?7, expires_at = ?8, record = ?9
            WHERE scope = ?1 AND key = ?2 AND version = ?10 AND expires_at > ?6
            """
        )
        remove = SQLiteText("DELETE FROM \(records) WHERE scope = ?1 AND key = ?2 AND version = ?3 AND expires_at > ?4")
        lastVersion = SQLiteText("SELECT last_version FROM \(meta)")
        databaseNumber = SQLiteText("SELECT database_number FROM \(meta)")
        setLastVersion = SQLiteText("UPDATE \(meta) SET last_version = ?1")
        func expired(_ part: String) -> String {
            "SELECT scope, key, expires_at FROM \(records) WHERE \(part) AND expires_at <= ?1"
        }
        purge = SQLiteText(
            """
            DELETE FROM \(records) WHERE (scope, key) IN (SELECT scope, key FROM (
                \(expired(SQLSchema.open)) UNION ALL \(expired(SQLSchema.done)) ORDER BY expires_at LIMIT ?2
            ))
            """
        )
    }
}
#endif
