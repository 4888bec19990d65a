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

/// Which file on the disk a name means.
@available(Idempotency 0.1, *)
struct SQLiteFileIdentity: Equatable {
    private let device: UInt64
    private let number: UInt64

    /// `nil`: there is none.
    init?(of path: UnsafePointer<CChar>) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: info.st_dev)
        number = UInt64(truncatingIfNeeded: info.st_ino)
    }
}

@available(Idempotency 0.1, *)
extension SQLiteConnection {
    /// How long the write-ahead log stays, in bytes, once what made it grow is over.
    private static let longestLog = 8 << 20

    /// Sets the connection up.
    ///
    /// - Parameter flushes: Whether a commit is flushed to the disk.
    func useWriteAheadLog(flushes: Bool) throws(SQLiteFailure) {
        let isThere = try isLogged()
        if isFile, !isThere {
            throw SQLiteFailure(
                code: SQLITE_CANTOPEN,
                message: "the database has no write-ahead log (WAL), which the file's place may not allow"
            )
        }
        try run("PRAGMA synchronous = \(flushes ? "FULL" : "NORMAL")")
        // A long reader keeps the log from being used again from its start, and it grows meanwhile.
        try run("PRAGMA journal_size_limit = \(Self.longestLog)")
    }

    /// Has the database use a write-ahead log, if it can. `false`: it cannot.
    ///
    /// While another process switches it, or recovers the log of a dead one, SQLite may refuse at once, without asking the busy
    /// handler. The connection tries again until the busy timeout is over.
    private func isLogged() throws(SQLiteFailure) -> Bool {
        let end = ContinuousClock.now + patience.limit
        while true {
            do throws(SQLiteFailure) {
                let mode = try statement(once: "PRAGMA journal_mode = WAL")
                defer { mode.reset() }
                return try mode.step() && mode.text(0) == "wal"
            } catch {
                guard error.primaryCode == SQLITE_BUSY, ContinuousClock.now < end else { throw error }
                patience.pause()
            }
        }
    }

    /// A description of the open database, and of how safely it keeps commits.
    func report() throws(SQLiteFailure) -> StoreReport {
        func setting(_ name: String) throws(SQLiteFailure) -> String {
            let pragma = try statement(once: "PRAGMA \(name)")
            return try pragma.step() ? pragma.text(0) ?? "" : ""
        }
        let levels = ["0": "OFF", "1": "NORMAL", "2": "FULL", "3": "EXTRA"]
        let level = try setting("synchronous")
        let name = handle.flatMap { sqlite3_db_filename($0, "main") }.map { String(cString: $0) }
        var warnings: [String] = []
        if !isFile {
            warnings.append("Every record is gone with the store.")
        } else if level == "1" {
            warnings.append("A loss of power takes the last commits.")
        }
        return StoreReport(
            product: "SQLite",
            version: String(cString: sqlite3_libversion()),
            address: isFile ? name : ":memory:",
            role: .embedded,
            settings: [
                StoreReport.Setting("journal_mode", try setting("journal_mode")),
                StoreReport.Setting("synchronous", levels[level] ?? level),
            ],
            warnings: warnings
        )
    }

    /// Makes sure that the names of the database and of its write-ahead log still mean the files that are open.
    ///
    /// SQLite goes on in files that were removed or renamed (sqlite.org/howtocorrupt.html, section 4.2).
    func assureFile() throws(SQLiteFileLoss) {
        if let loss { throw loss }
        guard isFile, let handle else { return }
        var hasMoved: Int32 = 0
        _ = sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &hasMoved)
        if hasMoved != 0 { throw .replaced }
        guard let name = sqlite3_filename_wal(sqlite3_db_filename(handle, "main")) else { return }
        let log = SQLiteFileIdentity(of: name)
        // The first transaction makes it.
        if knownLog == nil { knownLog = log }
        if log != knownLog { throw .withoutLog }
    }

    /// The loss of the file that is behind an error, if there is one. The error that a lost file shows first says little.
    func loss(behind error: any Error) -> SQLiteFileLoss? {
        if let loss = error as? SQLiteFileLoss { return loss }
        do {
            try assureFile()
        } catch {
            return error
        }
        return (error as? SQLiteFailure)?.isShortRead ?? false ? .withoutLog : nil
    }

    /// Saves what is only in a write-ahead log that has no name any more, and is still open here.
    ///
    /// - Returns: Whether it is saved, or there is nothing to save: other processes may be in the way.
    func saveLog() -> Bool {
        // Nothing is in the way of a log that another process has saved already: then there is no frame to read.
        guard let save = try? statement(once: "PRAGMA wal_checkpoint(TRUNCATE)"), (try? save.step()) ?? false else {
            return true
        }
        defer { save.reset() }
        return save.integer(0) == 0
    }

    /// Lets the log be when the connection ends, which would remove it by its name: it may be another database's by now.
    func keepLog() { if let handle { _ = idempotency_sqlite_keep_log(handle) } }
}
#endif
