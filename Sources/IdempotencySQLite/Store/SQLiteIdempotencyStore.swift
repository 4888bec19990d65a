#if SQLite
public import Idempotency
public import IdempotencySQL
internal import CSQLite
import Synchronization

/// Keeps records in a file of SQLite, which several processes of one machine may share.
///
/// - **Atomicity**: a transaction of SQLite's, with the write lock taken first.
/// - **Durability**: what is acknowledged has been flushed to the disk (`synchronous=FULL`, in WAL mode); with
///   ``Durability/processCrash`` the last commits may be lost with the power, though not with the process.
/// - **Clock**: the machine's calendar clock. While it is set back, leases last longer by as much; versions grow all the same.
/// - **Speed**: calls that wait together are committed together.
///
/// The file must be on a local disk: the locks of network file systems are not to be relied on (sqlite.org/wal.html).
@available(Idempotency 0.1, *)
public final class SQLiteIdempotencyStore: IdempotencyStore {
    /// What a commit survives.
    public enum Durability: Sendable {
        /// The death of the process, of the system, and of the power (`synchronous=FULL`).
        case powerLoss
        /// The death of the process alone (`synchronous=NORMAL`): a few times as fast.
        case processCrash
    }

    let worker: SQLiteWorker
    let subscribers: ChangeSubscribers
    /// Where the records are.
    public let table: SQLTable

    /// Opens a database, and makes the tables if they are not there.
    ///
    /// - Parameters:
    ///   - path: The file, made if it is not there; `:memory:` for one that is gone with the store.
    ///   - table: Where the records are.
    ///   - durability: What a commit survives.
    ///   - busyTimeout: How long a call waits for another process's transaction; once more for those that came before it.
    ///   - migrates: Whether the tables are made and brought up to this release's form. If not, ``migrate()`` is to be called
    ///     by whoever deploys, or the statements of ``/IdempotencySQL/SQLSchema`` run.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable`` if the file
    ///   cannot be opened, or with ``/Idempotency/IdempotencyError/Code/unsupportedSchemaVersion`` if a newer release made it.
    public convenience init(
        path: String,
        table: SQLTable = .standard,
        durability: Durability = .powerLoss,
        busyTimeout: Duration = .seconds(5),
        migrates: Bool = true
    ) async throws {
        try await self.init(
            path: path,
            table: table,
            durability: durability,
            busyTimeout: busyTimeout,
            migrates: migrates,
            clock: { WallClock.now().nanoseconds / 1000 }
        )
    }

    /// - Parameter clock: The time in microseconds since 1970: a test's own.
    package init(
        path: String,
        table: SQLTable = .standard,
        durability: Durability = .powerLoss,
        busyTimeout: Duration = .seconds(5),
        migrates: Bool = true,
        clock: @escaping @Sendable () -> Int64
    ) async throws {
        let subscribers = ChangeSubscribers()
        self.subscribers = subscribers
        self.table = table
        let open = { @Sendable (creates: Bool) throws -> SQLiteRecords in
            let connection = try SQLiteConnection(path, creates: creates, busyTimeout: busyTimeout)
            try connection.useWriteAheadLog(flushes: durability == .powerLoss)
            return SQLiteRecords(connection, SQLiteStatements(table))
        }
        let continuity = SQLiteContinuity()
        let again = { @Sendable () throws -> SQLiteRecords in
            let records: SQLiteRecords
            do {
                records = try open(false)
            } catch let failure as SQLiteFailure where failure.primaryCode == SQLITE_CANTOPEN {
                throw SQLiteFileLoss.replaced
            }
            do {
                try continuity.assure(records)
            } catch {
                // The log that has its name may be the right one, which is being put back.
                records.connection.keepLog()
                throw error
            }
            return records
        }
        let isFile = path != ":memory:"
        worker = SQLiteWorker(
            reader: isFile ? SQLiteReader(clock: clock, open: again) : nil,
            continuity: continuity,
            clock: clock,
            onChange: { subscribers.wake($0) },
            onForeignChange: { subscribers.wakeAll() },
            isAwaited: { !subscribers.isEmpty }
        )
        do {
            try await worker.open({ try open(true) }, again: isFile ? again : nil)
        } catch {
            throw SQLiteErrors.error(for: error)
        }
        if migrates { try await migrate() }
    }

    /// Makes the tables, or brings them up to this release's form. Harmless when repeated, also by several processes at once.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError``, as ``init(path:table:durability:busyTimeout:migrates:)``.
    public func migrate() async throws {
        let schema = SQLSchema(table: table, dialect: .sqlite)
        try await worker.use { records, _ in
            try records.connection.run("BEGIN IMMEDIATE")
            for statement in schema.statements { try records.connection.run(statement) }
            let version = try records.schemaVersion(schema)
            guard version <= SQLSchema.version else { throw SQLiteErrors.newerSchema(version, SQLSchema.version) }
            try records.connection.run("COMMIT")
        }
    }

    /// How expired records are taken away: for tests of what SQLite does for that.
    package var purgeText: String { SQLiteStatements(table).purge.sql }

    /// How many calls may wait.
    package static let maximumWaitingCalls = SQLiteWorker.capacity

    /// How many calls wait: for tests.
    package var waitingCalls: Int { worker.waitingCalls }

    /// How much else waits for the store's thread: for tests.
    package var waitingItems: Int { worker.waitingItems }

    /// Lets the file grow no further, as a full disk does: for tests.
    package func limitPages(to count: Int) async throws {
        try await worker.use { records, _ in try records.connection.run("PRAGMA max_page_count = \(count)") }
    }

    /// Takes no longer values: for tests.
    package func limitLength(to bytes: Int) async throws {
        try await worker.use { records, _ in records.connection.limitLength(to: bytes) }
    }

    /// Enforces foreign keys, as a service's own database may: for tests.
    package func enforceForeignKeys() async throws {
        try await worker.use { records, _ in try records.connection.run("PRAGMA foreign_keys = ON") }
    }

    /// Ends what is under way and closes the database. Calls that come later fail.
    public func close() async {
        await worker.close()
    }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        guard case .loaded(let found) = try await worker.ask(.load(key)) else { return nil }
        return found
    }

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The version that must be there; `nil`: nothing, or an expired record.
    ///   - change: What to do.
    public nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let write = SQLiteRecords.Write(key: key, expected: expected, change: change)
        guard case .changed(let result) = try await worker.ask(.write(write)) else { return .conflict(nil) }
        return result
    }
}
#endif
