#if SQLite
internal import CSQLite

/// Refuses, while a handler's statements are prepared, those that would begin or end a transaction, or change a setting of
/// the connection, which no rollback undoes: SQLite says itself what a statement does, whatever its text looks like
/// (sqlite.org/c3ref/set_authorizer.html).
@available(Idempotency 0.1, *)
final class SQLiteAuthorizer {
    /// The savepoint that a handler's effects come after.
    static let savepoint = "idempotency_effects"

    /// The pragmas that may have an argument: they look at the schema, or are undone with the transaction.
    private static let harmlessPragmas: Set<String> = [
        "application_id", "defer_foreign_keys", "foreign_key_check", "foreign_key_list", "index_info", "index_list",
        "index_xinfo", "integrity_check", "quick_check", "table_info", "table_list", "table_xinfo", "user_version",
    ]

    /// Whether the next statements are a handler's.
    var isForHandler = false

    func install(on connection: OpaquePointer) {
        // The connection's owner keeps it for as long as the connection is open.
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_set_authorizer(
            connection,
            { context, action, first, name, _, _ in
                guard let context else { return SQLITE_OK }
                let authorizer = Unmanaged<SQLiteAuthorizer>.fromOpaque(context).takeUnretainedValue()
                guard authorizer.isForHandler else { return SQLITE_OK }
                switch action {
                case SQLITE_TRANSACTION, SQLITE_ATTACH, SQLITE_DETACH: return SQLITE_DENY
                case SQLITE_SAVEPOINT where name.map { String(cString: $0) }?.lowercased() == SQLiteAuthorizer.savepoint:
                    return SQLITE_DENY
                case SQLITE_PRAGMA where name != nil:
                    let pragma = first.map { String(cString: $0) }?.lowercased() ?? ""
                    return SQLiteAuthorizer.harmlessPragmas.contains(pragma) ? SQLITE_OK : SQLITE_DENY
                default: return SQLITE_OK
                }
            },
            context
        )
    }
}
#endif
