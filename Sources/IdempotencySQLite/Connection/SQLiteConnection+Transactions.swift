#if SQLite
internal import CSQLite

/// The transactions of handlers.
@available(Idempotency 0.1, *)
extension SQLiteConnection {
    /// Begins a transaction, with the write lock taken: so that it cannot fail later for want of it.
    ///
    /// - Parameter span: How long another process's transaction is waited for; `nil`: the busy timeout.
    func beginEffects(waiting span: Duration? = nil) throws(SQLiteFailure) {
        let usual = patience.limit
        defer { patience.limit = usual }
        if let span { patience.limit = min(span, usual) }
        try run("BEGIN IMMEDIATE")
        try run("SAVEPOINT \(SQLiteAuthorizer.savepoint)")
    }

    /// Undoes what was done since, and leaves the transaction open.
    func undoEffects() throws(SQLiteFailure) {
        try run("ROLLBACK TO \(SQLiteAuthorizer.savepoint)")
    }

    /// Commits. Some errors have ended the transaction before: then it is an error too.
    func commitEffects() throws(SQLiteFailure) {
        guard isInTransaction else {
            throw SQLiteFailure(code: SQLITE_ABORT, message: "SQLite has undone the transaction")
        }
        try run("COMMIT")
    }

    /// Undoes everything, if anything is open.
    func rollBack() {
        if isInTransaction { try? run("ROLLBACK") }
    }
}
#endif
