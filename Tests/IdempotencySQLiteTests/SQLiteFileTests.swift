#if SQLite
import CSQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import IdempotencyTesting
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

@Suite("A SQLite store in a file", .timeLimit(.minutes(10)))
struct SQLiteFileTests {
    private let folder = TemporaryFolder()

    private func open(
        _ name: String = "keys.db",
        table: SQLTable = .standard,
        busyTimeout: Duration = .seconds(5),
        migrates: Bool = true
    ) async throws -> SQLiteIdempotencyStore {
        try await SQLiteIdempotencyStore(
            path: folder.path(name),
            table: table,
            busyTimeout: busyTimeout,
            migrates: migrates
        )
    }

    private func key(_ value: String = "k-1") throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "acme", principal: "u-1"), value: value)
    }

    /// Runs statements as another program would.
    private func run(_ sql: String, in name: String = "keys.db") throws {
        var handle: OpaquePointer?
        try #require(sqlite3_open(folder.path(name), &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        try #require(
            sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK,
            "\(String(cString: sqlite3_errmsg(handle)))"
        )
    }

    /// The number that a query answers with.
    private func number(_ sql: String, in name: String = "keys.db") throws -> Int64 {
        var handle: OpaquePointer?
        try #require(sqlite3_open(folder.path(name), &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        var statement: OpaquePointer?
        try #require(sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK)
        defer { sqlite3_finalize(statement) }
        try #require(sqlite3_step(statement) == SQLITE_ROW)
        return sqlite3_column_int64(statement, 0)
    }

    private func refusal(_ body: () async throws -> Void) async -> IdempotencyError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? IdempotencyError
        }
    }

    @Test("What was answered is there after the store is closed and opened again, and replayed")
    func reopened() async throws {
        let first = try await open()
        #expect(try await IdempotencyInterceptor(store: first).idempotent(key: key()) { _ in "A" } == "A")
        await first.close()
        let second = try await open()
        #expect(try await IdempotencyInterceptor(store: second).idempotent(key: key()) { _ in "no" } == "A")
        let error = await refusal { _ = try await first.load(key()) }
        #expect(error?.code == .storeUnavailable)
    }

    @Test("A check says which file it is, and how safely it keeps what is committed")
    func report() async throws {
        let safe = try await open().check()
        #expect(safe.product == "SQLite" && safe.role == .embedded && safe.warnings.isEmpty)
        #expect(safe.address?.hasSuffix("/keys.db") == true && safe.version?.hasPrefix("3.") == true)
        #expect(safe.value(of: "journal_mode") == "wal" && safe.value(of: "synchronous") == "FULL")
        let quick = try await SQLiteIdempotencyStore(path: folder.path("quick.db"), durability: .processCrash).check()
        #expect(quick.value(of: "synchronous") == "NORMAL" && !quick.warnings.isEmpty)
        let inMemory = try await SQLiteIdempotencyStore(path: ":memory:").check()
        #expect(inMemory.address == ":memory:" && !inMemory.warnings.isEmpty)
    }

    @Test("Many that open one new file at once all succeed")
    func openedAtOnce() async throws {
        for round in 0..<100 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask { await (try await open("round-\(round).db", busyTimeout: .seconds(60))).close() }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("An operator reads the table with any tool")
    func readable() async throws {
        let store = try await open()
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" }
        let count = try number(
            """
            SELECT count(*) FROM idempotency_records
            WHERE operation = 'charge' AND tenant = 'acme' AND principal = 'u-1' AND key = 'k-1' AND state = 'done'
            AND attempt = 1 AND abs(written_at / 1000000 - unixepoch()) < 60
            AND held_until - written_at = 86400000000 AND expires_at = held_until
            """
        )
        #expect(count == 1)
    }

    @Test("Whatever a table is called", arguments: ["records", "a b", "\"", "drop table", "é🎉", "select"])
    func tableNames(_ name: String) async throws {
        let store = try await open(table: SQLTable(name))
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" }
        let other = try await open(table: SQLTable(name + "2"))
        #expect(try await IdempotencyInterceptor(store: other).idempotent(key: key()) { _ in "B" } == "B")
    }

    @Test("A name that cannot be one is refused", arguments: ["", String(repeating: "x", count: 41), "a\u{0}b"])
    func badTableNames(_ name: String) throws {
        let error = try #require(throws: IdempotencyError.self) { try SQLTable(name) }
        #expect(error.code == .invalidConfiguration)
    }

    @Test("Without its table the store says what to do; afterwards it works")
    func notMigrated() async throws {
        let store = try await open(migrates: false)
        let error = await refusal { _ = try await store.load(key()) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.message.contains("call migrate()") == true)
        try await store.migrate()
        #expect(try await store.load(key()) == nil)
    }

    @Test("A table of a newer release is left alone")
    func newerSchema() async throws {
        await (try await open()).close()
        try run("UPDATE idempotency_records_meta SET schema_version = 99")
        let error = await refusal { _ = try await open() }
        #expect(error?.code == .unsupportedSchemaVersion)
        #expect(error?.message.contains("upgrade this service") == true)
    }

    @Test("Many that migrate at once all succeed")
    func migratedAtOnce() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await open().migrate() } }
            try await group.waitForAll()
        }
    }

    @Test("A folder that is not there, a file that is no database, one that may not be written to: each says so")
    func cannotBeUsed() async throws {
        let missing = await refusal { _ = try await open("no/such/folder.db") }
        #expect(missing?.message.contains("cannot be opened") == true)
        try folder.write("This is not a database, however long it is. ".utf8.map { $0 }, "text.db")
        let damaged = await refusal { _ = try await open("text.db") }
        #expect(damaged?.message.contains("no database") == true)
    }

    @Test("Scenario 37: another process that holds the write lock: an error in bounded time, and then all goes on")
    func busy() async throws {
        let store = try await open(busyTimeout: .milliseconds(50))
        var handle: OpaquePointer?
        try #require(sqlite3_open(folder.path("keys.db"), &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        try #require(sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK)
        let interceptor = IdempotencyInterceptor(store: store)
        let error = await refusal { _ = try await interceptor.idempotent(key: key()) { _ in "no" } }
        #expect(error?.code == .storeUnavailable)
        #expect((error?.cause as? SQLiteFailure) != nil || error?.message.contains("busy timeout") == true)
        // Who only reads is not held up.
        #expect(try await store.load(key()) == nil)
        try #require(sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) == SQLITE_OK)
        #expect(try await interceptor.idempotent(key: key()) { _ in "A" } == "A")
    }

    @Test("Scenario 37: while another process holds the write lock, what is kept is replayed")
    func busyReplay() async throws {
        let store = try await open(busyTimeout: .milliseconds(50))
        let interceptor = IdempotencyInterceptor(store: store)
        for number in 0..<3 { _ = try await interceptor.idempotent(key: key("k-\(number)")) { _ in number } }
        var handle: OpaquePointer?
        try #require(sqlite3_open(folder.path("keys.db"), &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        try #require(sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK)
        let kept = try #require(try await store.load(key("k-1")))
        let error = await refusal {
            let result = try await store.checkAndSet(key("k-1"), expecting: nil, .write(kept.record))
            guard case .conflict(let found?) = result else {
                Issue.record("claimed: \(result)")
                return
            }
            #expect(found.version == kept.version)
        }
        #expect(error == nil, "\(error?.message ?? "")")
        try #require(sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) == SQLITE_OK)
    }

    @Test("Scenario 37: a full disk: an error that says so, nothing half-written, and what was acknowledged is there")
    func fullDisk() async throws {
        let store = try await open()
        let policy = try OperationPolicy(lease: .milliseconds(300))
        let interceptor = IdempotencyInterceptor(store: store, policy: policy)
        _ = try await interceptor.idempotent(key: key("before")) { _ in "A" }
        try await store.limitPages(to: 20)
        let error = await refusal {
            _ = try await interceptor.idempotent(key: key("large")) { _ in [UInt8](repeating: 1, count: 500_000) }
        }
        #expect(error?.code == .resultNotSaved)
        #expect((error?.cause as? IdempotencyError)?.message.contains("The disk is full") == true)
        #expect(try await interceptor.idempotent(key: key("before")) { _ in "no" } == "A")
        try await store.limitPages(to: 100_000)
        #expect(try await interceptor.idempotent(key: key("after")) { _ in "B" } == "B")
    }
}
#endif
