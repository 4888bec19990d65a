#if SQLite
internal import CSQLite
internal import Idempotency

#if canImport(Darwin)
internal import Darwin
#elseif canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

@available(Idempotency 0.1, *)
extension SQLiteConnection {
    /// Has the database use a write-ahead log, if it can.
    ///
    /// Where another process is about to do the same, or reads the log that a dead one has left, SQLite says at once that the
    /// database is locked, without asking the busy handler.
    ///
    /// - Parameter span: How long it is tried.
    func useWriteAheadLog(within span: Duration) throws(SQLiteFailure) {
        let end = ContinuousClock.now + span
        while true {
            do throws(SQLiteFailure) {
                return try run("PRAGMA journal_mode = WAL")
            } catch {
                guard error.primaryCode == SQLITE_BUSY, ContinuousClock.now < end else { throw error }
                usleep(UInt32.random(in: 300...1500))
            }
        }
    }
}

/// The transactions of handlers.
@available(Idempotency 0.1, *)
extension SQLiteConnection {
    /// Begins a transaction, with the write lock taken: so that it cannot fail later for want of it.
    func beginEffects() throws(SQLiteFailure) {
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
