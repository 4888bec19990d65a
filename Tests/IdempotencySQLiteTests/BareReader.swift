#if SQLite
import CSQLite

/// A connection of another program's, in whose transaction nothing changes.
final class BareReader {
    struct Failure: Error {}

    private var connection: OpaquePointer?

    init(_ path: String) throws {
        guard sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK,
            sqlite3_exec(connection, "BEGIN; SELECT count(*) FROM sqlite_master", nil, nil, nil) == SQLITE_OK
        else { throw Failure() }
    }

    deinit { sqlite3_close_v2(connection) }

    func end() { sqlite3_exec(connection, "COMMIT", nil, nil, nil) }

    /// The first column of the first row.
    func text(_ sql: String) throws -> String {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        guard sqlite3_prepare_v2(connection, sql, -1, &statement, nil) == SQLITE_OK,
            sqlite3_step(statement) == SQLITE_ROW, let text = sqlite3_column_text(statement, 0)
        else { throw Failure() }
        return String(cString: text)
    }
}
#endif
