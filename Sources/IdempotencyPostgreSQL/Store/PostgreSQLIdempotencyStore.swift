#if PostgreSQL
public import Idempotency
public import IdempotencySQL

/// Keeps records in a table of PostgreSQL, which any number of processes and machines share.
///
/// - **Atomicity**: a row's lock, at the isolation level READ COMMITTED.
/// - **Durability**: what is acknowledged is committed with `synchronous_commit` on; a server that has that off is refused, or
///   used knowingly (``PostgreSQLOptions/UnsafeServer``).
/// - **Clock**: the server's, read where a row is written or read. No client's clock counts.
/// - **Speed**: calls that wait together travel together: one message, one transaction, one flush.
@available(Idempotency 0.1, *)
public final class PostgreSQLIdempotencyStore: IdempotencyStore {
    private static let migrationLimit: Duration = .seconds(60)

    let opener: PostgreSQLOpener
    let statements: PostgreSQLStatements
    let worker: PostgreSQLWorker
    let subscribers: ChangeSubscribers
    let listener: ChangeListener
    private let changes: PostgreSQLChangeSource?
    let seats: PostgreSQLSeats
    /// Where the records are.
    public let table: SQLTable
    let grace: Int64

    /// Connects to a server, and makes the tables if they are not there.
    ///
    /// - Parameters:
    ///   - connectionString: Where the server is, as libpq reads it: `host=… dbname=… user=…` or a URI
    ///     `postgresql://user@host/dbname`; environment variables, service files, password files and TLS (`sslmode`) as libpq has
    ///     them.
    ///   - table: Where the records are.
    ///   - options: How to talk to the server.
    ///   - migrates: Whether the tables are made and brought up to this release's form. If not, ``migrate()`` is to be called
    ///     by whoever deploys, or the statements of ``/IdempotencySQL/SQLSchema`` run.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable`` if the server
    ///   cannot be reached, with ``/Idempotency/IdempotencyError/Code/invalidConfiguration`` if it cannot be used, or with
    ///   ``/Idempotency/IdempotencyError/Code/unsupportedSchemaVersion`` if a newer release made the table.
    public convenience init(
        _ connectionString: String,
        table: SQLTable = .standard,
        options: PostgreSQLOptions = PostgreSQLOptions(),
        migrates: Bool = true
    ) async throws {
        try await self.init(
            connectionString,
            table: table,
            options: options,
            migrates: migrates,
            grace: SQLSchema.grace
        )
    }

    /// - Parameter grace: How long a row that is of no use any more stays: for tests, shorter.
    package init(
        _ connectionString: String,
        table: SQLTable = .standard,
        options: PostgreSQLOptions = PostgreSQLOptions(),
        migrates: Bool = true,
        grace: Duration
    ) async throws {
        try options.validate()
        let subscribers = ChangeSubscribers()
        self.subscribers = subscribers
        self.table = table
        self.grace = grace.nanoseconds / 1000
        statements = PostgreSQLStatements(table)
        opener = PostgreSQLOpener(try PostgreSQLTarget(connectionString), options, tableLook: statements.look)
        seats = PostgreSQLSeats(limit: options.transactionConnections)
        let worker = PostgreSQLWorker(opener, statements, grace: self.grace, onChange: { subscribers.wake($0) })
        self.worker = worker
        do {
            try await worker.open()
        } catch {
            await worker.close()
            throw error
        }
        // Without sessions nothing is heard, and the listener polls.
        changes = opener.hasSessions ? PostgreSQLChangeSource(opener, statements) : nil
        listener = ChangeListener(changes, subscribers, closed: PostgreSQLErrors.closed)
        do {
            if migrates { try await migrate() }
        } catch {
            await close()
            throw error
        }
    }

    /// What is unsafe about the server, in sentences; empty if nothing is.
    ///
    /// Never anything but empty where ``PostgreSQLOptions/unsafeServer`` is ``PostgreSQLOptions/UnsafeServer/refuse``.
    public var warnings: [String] { opener.warnings }

    /// Makes the tables, or brings them up to this release's form. Harmless when repeated, also by several processes at once.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError``, as ``init(_:table:options:migrates:)``.
    public func migrate() async throws {
        let schema = SQLSchema(table: table, dialect: .postgreSQL)
        try await worker.use { [statements] lane in
            // What is there is left alone: to ask for an index that is there would wait for writers, and hold them up.
            let look = try lane.sendUnraised([.init(sql: statements.look, isKept: false)])
            let tables = PostgreSQLTableLook(look[0])
            try tables.validate()
            // All of them: a dump may have brought the one without the others.
            if tables.areThere {
                let rows = try lane.sendUnraised([.init(sql: statements.schemaVersion, isKept: false)])[0]
                let version = rows.count == 1 ? rows.integer(0, 0) : 0
                guard version <= SQLSchema.version else { throw PostgreSQLErrors.newerSchema(version) }
                if version == SQLSchema.version { return }
            }
            // Statements that depend on each other's tables are parsed one after the other, in one transaction. Two processes
            // that make one table at once get in each other's way even with IF NOT EXISTS.
            // Each waits for its turn.
            let milliseconds = Self.migrationLimit.nanoseconds / 1_000_000
            var commands = ["lock_timeout", "statement_timeout"].map { name in
                PostgreSQLConnection.Command(sql: "SELECT set_config('\(name)', '\(milliseconds)', true)")
            }
            commands.append(.init(sql: statements.migrationLock))
            commands += schema.statements.map { .init(sql: $0) }
            commands.append(.init(sql: statements.raise))
            commands.append(.init(sql: statements.schemaVersion))
            for index in commands.indices { commands[index].isKept = false }
            let rows = try lane.sendUnraised(commands, within: Self.migrationLimit + .seconds(1))
            let version = rows[rows.count - 1].integer(0, 0)
            guard version <= SQLSchema.version else { throw PostgreSQLErrors.newerSchema(version) }
        }
    }

    /// Ends what is under way and closes the connections. Calls that come later fail.
    public func close() async {
        listener.close()
        await changes?.close()
        await seats.close()
        await worker.close()
    }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        guard case .loaded(let found) = try await worker.ask(key, .load) else { return nil }
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
        let request = PostgreSQLJob.Request(expecting: expected, change)
        guard case .changed(let result) = try await worker.ask(key, request) else { return .conflict(nil) }
        return result
    }
}
#endif
