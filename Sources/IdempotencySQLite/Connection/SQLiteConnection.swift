#if SQLite
internal import CSQLite
internal import Idempotency

/// A connection to a database file. To be used by one thread at a time; its owner sees to that.
@available(Idempotency 0.1, *)
final class SQLiteConnection {
    /// SQLite's own; `nil`: the connection is closed.
    private(set) var handle: OpaquePointer?
    /// Why it was given up.
    private(set) var loss: SQLiteFileLoss?
    /// Whether the database is in a file.
    let isFile: Bool
    /// The write-ahead log that this connection writes; `nil`: it is not there yet.
    var knownLog: SQLiteFileIdentity?
    private var statements: [ObjectIdentifier: (text: SQLiteText, statement: SQLiteStatement)] = [:]
    /// By their bytes: `String` calls some different texts equal, and they may name different tables.
    private var handlersStatements: [[UInt8]: SQLiteStatement] = [:]
    private let authorizer = SQLiteAuthorizer()
    let patience: SQLitePatience
    let timeLimit = SQLiteTimeLimit()

    /// Opens a database.
    ///
    /// - Parameters:
    ///   - path: The file; `:memory:` for a database that goes with the connection.
    ///   - creates: Whether the file is made if it is not there.
    ///   - busyTimeout: How long a call waits for another process's transaction.
    init(_ path: String, creates: Bool, busyTimeout: Duration) throws(SQLiteFailure) {
        var handle: OpaquePointer?
        let flags =
            SQLITE_OPEN_READWRITE | (creates ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            // Even a failed opening leaves a handle, which holds the message.
            let failure = SQLiteFailure(code, handle)
            sqlite3_close_v2(handle)
            throw failure
        }
        self.handle = handle
        // A database in memory has the empty name.
        isFile = sqlite3_db_filename(handle, "main").map { $0.pointee != 0 } ?? false
        authorizer.install(on: handle)
        patience = SQLitePatience(busyTimeout)
        patience.install(on: handle)
        timeLimit.install(on: handle)
    }

    deinit { close() }

    /// Closes the connection, whoever still has it. It refuses every later call.
    ///
    /// A connection that stayed open would share its index of the write-ahead log with the next one of this process.
    ///
    /// - Parameter loss: What became of its file.
    func close(_ loss: SQLiteFileLoss? = nil) {
        self.loss = self.loss ?? loss
        // They hold the connection open.
        statements = [:]
        handlersStatements = [:]
        sqlite3_close_v2(handle)
        handle = nil
    }

    private func opened() throws(SQLiteFailure) -> OpaquePointer {
        guard let handle else { throw SQLiteFailure(code: SQLITE_MISUSE, message: "the connection is closed") }
        return handle
    }

    /// How many rows the last statement changed.
    var changes: Int { handle.map { Int(sqlite3_changes64($0)) } ?? 0 }

    /// Runs statements that answer nothing.
    func run(_ sql: String) throws(SQLiteFailure) {
        let handle = try opened()
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw SQLiteFailure(code, handle) }
    }

    /// A statement, prepared once and kept. It is reset when the next one takes it.
    func statement(_ text: SQLiteText) throws(SQLiteFailure) -> SQLiteStatement {
        if let known = statements[ObjectIdentifier(text)] {
            known.statement.reset()
            return known.statement
        }
        let made = try SQLiteStatement(text.sql, opened())
        statements[ObjectIdentifier(text)] = (text, made)
        return made
    }

    /// A statement that is used once.
    func statement(once sql: String) throws(SQLiteFailure) -> SQLiteStatement { try SQLiteStatement(sql, opened()) }

    /// A statement of a handler's, which must neither begin nor end a transaction.
    ///
    /// Kept as well, but not without limit: nobody knows how many different ones there are.
    func handlersStatement(_ sql: String) throws(SQLiteFailure) -> SQLiteStatement {
        let text = Array(sql.utf8)
        if let known = handlersStatements[text] {
            known.reset()
            return known
        }
        authorizer.isForHandler = true
        defer { authorizer.isForHandler = false }
        let made = try SQLiteStatement(sql, opened())
        if handlersStatements.count >= 200 { handlersStatements = [:] }
        handlersStatements[text] = made
        return made
    }

    /// How many rows all statements of this connection have changed.
    var totalChanges: Int { handle.map { Int(sqlite3_total_changes64($0)) } ?? 0 }

    /// Refuses longer values from now on.
    func limitLength(to bytes: Int) {
        if let handle { sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, Int32(clamping: bytes)) }
    }

    /// Whether a transaction is open: some errors end one by themselves.
    var isInTransaction: Bool { handle.map { sqlite3_get_autocommit($0) == 0 } ?? false }
}
#endif
