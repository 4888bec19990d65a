#if SQLite
internal import CSQLite

/// Refuses, while a handler's statements are prepared, those that would begin or end a transaction: SQLite says itself what a
/// statement does, whatever its text looks like (sqlite.org/c3ref/set_authorizer.html).
@available(Idempotency 0.1, *)
final class SQLiteAuthorizer {
    /// The savepoint that a handler's effects come after.
    static let savepoint = "idempotency_effects"

    /// Whether the next statements are a handler's.
    var isForHandler = false

    func install(on connection: OpaquePointer) {
        // The connection's owner keeps it for as long as the connection is open.
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_set_authorizer(
            connection,
            { context, action, _, name, _, _ in
                guard let context else { return SQLITE_OK }
                let authorizer = Unmanaged<SQLiteAuthorizer>.fromOpaque(context).takeUnretainedValue()
                guard authorizer.isForHandler else { return SQLITE_OK }
                switch action {
                case SQLITE_TRANSACTION, SQLITE_ATTACH, SQLITE_DETACH: return SQLITE_DENY
                case SQLITE_SAVEPOINT where name.map { String(cString: $0) }?.lowercased() == SQLiteAuthorizer.savepoint:
                    return SQLITE_DENY
                default: return SQLITE_OK
                }
            },
            context
        )
    }
}
#endif
