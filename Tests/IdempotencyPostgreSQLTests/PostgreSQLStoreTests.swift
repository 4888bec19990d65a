#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
import Testing

@Suite("A PostgreSQL store", .timeLimit(.minutes(10)))
struct PostgreSQLStoreTests {
    private func key(_ value: String = "k-1") throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "acme", principal: "u-1"), value: value)
    }

    @Test("What was answered is there in another store, and replayed")
    func replayed() async throws {
        let table = try Server.freshTable()
        let first = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        #expect(first.warnings.isEmpty)
        #expect(try await IdempotencyInterceptor(store: first).idempotent(key: key()) { _ in "A" } == "A")
        await first.close()
        let second = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        #expect(try await IdempotencyInterceptor(store: second).idempotent(key: key()) { _ in "B" } == "A")
        let error = await refusal { _ = try await first.load(key()) }
        #expect(error?.message.contains("closed") == true)
        await second.close()
    }

    @Test(
        "Scenario 32: the reply to a write is lost: the retry finds its own claim, or sends it again, and runs once",
        arguments: [true, false]
    )
    func replyLost(_ isApplied: Bool) async throws {
        let (proxy, proxied) = try CuttingProxy.inFrontOf(Server.connectionString)
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(proxied, table: table, options: .patient)
        let interceptor = IdempotencyInterceptor(store: store)
        let key = try key("lost")
        proxy.cut(afterRequest: isApplied, at: key.value)
        var runs = 0
        let answer = try await interceptor.idempotent(key: key) { execution in
            runs += 1
            // And the reply to the finish.
            proxy.cut(afterRequest: isApplied, at: key.value)
            return "attempt \(execution.attempt)"
        }
        #expect(proxy.cuts == 2)
        #expect(runs == 1)
        #expect(answer == "attempt 1")
        #expect(try await store.load(key)?.state == .done)
        await store.close()
    }

    @Test("Scenario 31: each of many calls that contend for a key is answered, and one of them has it")
    func contended() async throws {
        let table = try Server.freshTable()
        let stores = [
            try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient),
            try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient),
        ]
        _ = try await IdempotencyInterceptor(store: stores[0]).idempotent(key: key("other")) { _ in 1 }
        let record = try #require(try await stores[0].load(key("other"))).record
        for round in 0..<20 {
            let key = try key("k-\(round)")
            let results = try await withThrowingTaskGroup(of: CheckAndSetResult.self) { group in
                for number in 0..<64 {
                    group.addTask { try await stores[number % 2].checkAndSet(key, expecting: nil, .write(record)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let stored = results.filter { if case .stored = $0 { true } else { false } }
            let found = results.filter { if case .conflict(_?) = $0 { true } else { false } }
            #expect(stored.count == 1)
            #expect(found.count == 63)
        }
        for store in stores { await store.close() }
    }

    @Test("A URI is understood as well")
    func uri() async throws {
        let port = try RawConnection().run("SHOW port")[0][0]
        let uri = "postgresql://postgres@127.0.0.1:\(port)/postgres?application_name=a%20shop"
        let store = try await PostgreSQLIdempotencyStore(uri, table: Server.freshTable())
        let count = try RawConnection().run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a shop'")
        #expect(count != [["0"]])
        await store.close()
    }

    @Test("An operator reads the table with any tool")
    func readable() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" }
        let count = try RawConnection().run(
            """
            SELECT count(*) FROM \(table.quoted)
            WHERE operation = 'charge' AND tenant = 'acme' AND principal = 'u-1' AND key = 'k-1' AND state = 'done'
            AND attempt = 1 AND abs(written_at / 1000000 - extract(epoch FROM clock_timestamp())) < 60
            AND held_until - written_at = 86400000000 AND expires_at = held_until AND NOT awaited
            """
        )
        #expect(count == [["1"]])
        await store.close()
    }

    @Test(
        "Whatever a table is called",
        arguments: ["a b", "\"", "'; DROP TABLE x; --", "drop table", "é🎉", "select", "A"]
    )
    func tableNames(_ name: String) async throws {
        let schema = Server.freshName("s'\"")
        try RawConnection().run("CREATE SCHEMA \"\(schema.split(separator: "\"").joined(separator: "\"\""))\"")
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: SQLTable(name, schema: schema))
        #expect(try await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" } == "A")
        let other = try await PostgreSQLIdempotencyStore(
            Server.connectionString,
            table: SQLTable(name + "2", schema: schema)
        )
        #expect(try await IdempotencyInterceptor(store: other).idempotent(key: key()) { _ in "B" } == "B")
        _ = try await store.subscribe(to: key()) {}
        let report = try await store.check()
        #expect(report.product == "PostgreSQL" && report.role == .primary)
        #expect(report.version?.isEmpty == false && report.address?.contains(":") == true)
        #expect(report.value(of: "fsync") == "on" && report.value(of: "synchronous_commit") == "on")
        // The probe is gone.
        #expect(try await store.list(RecordQuery(operation: "idempotency-check"), after: nil, limit: 1).records.isEmpty)
        await store.close()
        await other.close()
    }

    @Test("Without its table the store says what to do; afterwards it works, and versions begin at the clock")
    func notMigrated() async throws {
        let store = try await PostgreSQLIdempotencyStore(
            Server.connectionString,
            table: Server.freshTable(),
            migrates: false
        )
        let error = await refusal { _ = try await store.load(key()) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.message.contains("call migrate()") == true)
        try await store.migrate()
        #expect(try await store.load(key()) == nil)
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" }
        let version = try await store.load(key())?.version.rawValue ?? 0
        #expect(version > 1_700_000_000_000_000)
        await store.close()
    }

    @Test("A table that was made by hand while the store was open has versions from the clock on")
    func madeByHand() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(
            Server.connectionString,
            table: table,
            options: .patient,
            migrates: false
        )
        #expect(await refusal { _ = try await store.load(key()) } != nil)
        let connection = try RawConnection()
        for statement in SQLSchema(table: table, dialect: .postgreSQL).statements { try connection.run(statement) }
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" }
        #expect(try await store.load(key())?.version.rawValue ?? 0 > 1_700_000_000_000_000)
        await store.close()
    }

    @Test("A table of a newer release is left alone")
    func newerSchema() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        try RawConnection().run("UPDATE \(table.name)_meta SET schema_version = 99")
        let error = await refusal {
            _ = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        }
        #expect(error?.code == .unsupportedSchemaVersion)
        #expect(error?.message.contains("upgrade this service") == true)
        #expect(await refusal { try await store.check() }?.code == .unsupportedSchemaVersion)
        await store.close()
    }

    @Test("Many that migrate at once all succeed")
    func migratedAtOnce() async throws {
        let table = try Server.freshTable()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let store = try await PostgreSQLIdempotencyStore(
                        Server.connectionString,
                        table: table,
                        options: .patient
                    )
                    try await store.migrate()
                    await store.close()
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("To open a store that is in use waits for no writer")
    func openedWhileWritten() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        let writer = try RawConnection()
        try writer.run("BEGIN; LOCK TABLE \(table.quoted) IN SHARE UPDATE EXCLUSIVE MODE")
        let other = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        #expect(try await IdempotencyInterceptor(store: other).idempotent(key: key()) { _ in "A" } == "A")
        try writer.run("ROLLBACK")
        await store.close()
        await other.close()
    }

    @Test("A key that is removed comes back with a greater version, and what is left of it goes with a purge")
    func tombstones() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        let interceptor = IdempotencyInterceptor(store: store)
        let connection = try RawConnection()
        func remove(_ key: IdempotencyKey) async throws {
            let first = try #require(try await store.load(key)?.version)
            guard case .stored(let removed) = try await store.checkAndSet(key, expecting: first, .remove) else {
                Issue.record("not removed")
                return
            }
            #expect(removed > first)
            #expect(try await store.load(key) == nil)
        }
        // Two minutes ago.
        func age() throws {
            try connection.run(
                """
                UPDATE \(table.quoted) SET written_at = written_at - 120000000, held_until = held_until - 120000000,
                expires_at = expires_at - 120000000
                """
            )
        }
        _ = try await interceptor.idempotent(key: key()) { _ in "A" }
        try await remove(key())
        #expect(try connection.run("SELECT state, length(record) FROM \(table.quoted)") == [["removed", "0"]])
        #expect(try await store.purge(limit: 10) == 0)
        try age()
        #expect(try await store.purge(limit: 10) == 1)
        // What was written long ago leaves at once.
        _ = try await interceptor.idempotent(key: key("old")) { _ in "A" }
        try age()
        try await remove(key("old"))
        #expect(try connection.run("SELECT count(*) FROM \(table.quoted)") == [["0"]])
        await store.close()
    }
}
#endif
