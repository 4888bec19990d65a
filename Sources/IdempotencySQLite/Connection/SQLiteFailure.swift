#if SQLite
internal import CSQLite

/// What SQLite said went wrong: its result code and its text, which never holds a bound value.
@available(Idempotency 0.1, *)
public struct SQLiteFailure: Error, Hashable, Sendable {
    /// The extended result code (sqlite.org/rescode.html).
    public let code: Int32
    /// SQLite's own text.
    public let message: String

    init(_ code: Int32, _ connection: OpaquePointer?) {
        self.code = code
        let text = connection.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        message = text.map { String(cString: $0) } ?? "unknown"
    }

    init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    /// The code without its extension.
    var primaryCode: Int32 { code & 0xFF }

    /// Whether the index of the write-ahead log names more than the log holds (SQLITE_IOERR_SHORT_READ): it belongs to a log that
    /// is not there any more.
    var isShortRead: Bool { code == SQLITE_IOERR | (2 << 8) }

    /// Whether one statement was at fault, so that others of its transaction may fare better.
    var isAboutStatement: Bool {
        // A statement that ended the transaction (SQLITE_ABORT) has done so to the others as well.
        [SQLITE_ABORT, SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE, SQLITE_NOMEM].contains(
            primaryCode
        )
    }
}
#endif
