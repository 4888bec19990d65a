#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
import TestSupport
import Testing

@Suite("A PostgreSQL server and its tables that change", .timeLimit(.minutes(10)))
struct PostgreSQLCircumstanceTests {
    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    /// The name of the table or sequence that belongs to a table.
    private func part(_ table: SQLTable, _ end: String) -> String { table.quoted.dropLast() + end + "\"" }

    private func opening(_ address: String, _ table: SQLTable, migrates: Bool = true) async -> IdempotencyError? {
        await refusal {
            let store = try await PostgreSQLIdempotencyStore(
                address,
                table: table,
                options: .patient,
                migrates: migrates
            )
            await store.close()
        }
    }

    private func store(_ table: SQLTable, _ options: PostgreSQLOptions = .patient) async throws
        -> PostgreSQLIdempotencyStore
    {
        try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options)
    }

    private func token(_ store: PostgreSQLIdempotencyStore, _ name: String) async throws -> UInt64 {
        try await IdempotencyInterceptor(store: store).idempotent(key: key(name)) { $0.token?.rawValue ?? 0 }
    }

    @Test(
        "An unlogged table, or sequence, is refused when the store is opened, and by check()",
        arguments: ["", "_meta", "_version"]
    )
    func unlogged(_ end: String) async throws {
        let table = try Server.freshTable()
        let store = try await store(table)
        let connection = try RawConnection()
        let kind = end == "_version" ? "SEQUENCE" : "TABLE"
        let version = try connection.run("SHOW server_version_num")[0][0]
        guard kind == "TABLE" || (Int(version) ?? 0) >= 150_000 else { return }
        try connection.run("ALTER \(kind) \(part(table, end)) SET UNLOGGED")
        for error in [await opening(try Server.connectionString, table), await refusal { try await store.check() }] {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("UNLOGGED") == true)
        }
        try connection.run("ALTER \(kind) \(part(table, end)) SET LOGGED")
        try await store.check()
        await store.close()
    }

    @Test("A table whose rows a policy may hide is refused for the role that it holds for")
    func rowLevelSecurity() async throws {
        let (table, role) = (try Server.freshTable(), Server.freshName("r"))
        await (try await store(table)).close()
        let connection = try RawConnection()
        try connection.run(
            """
            CREATE ROLE \(role) LOGIN;
            GRANT ALL ON \(table.quoted), \(part(table, "_meta")) TO \(role);
            GRANT ALL ON SEQUENCE \(part(table, "_version")) TO \(role)
            """
        )
        let address = try Server.connectionString + " user=\(role)"
        let open = try await PostgreSQLIdempotencyStore(address, table: table, options: .patient)
        try connection.run("ALTER TABLE \(table.quoted) ENABLE ROW LEVEL SECURITY")
        for error in [await opening(address, table), await refusal { try await open.check() }] {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("Row level security") == true)
        }
        await open.close()
    }

    @Test(
        "What is missing is made by migrate(), although the schema's version is there",
        arguments: ["SEQUENCE", "TABLE"]
    )
    func partialDump(_ kind: String) async throws {
        let table = try Server.freshTable()
        let store = try await store(table)
        let before = try await token(store, "before")
        try RawConnection().run(
            kind == "SEQUENCE" ? "DROP SEQUENCE \(part(table, "_version"))" : "DROP TABLE \(table.quoted)"
        )
        let error = await refusal { try await store.check() }
        #expect(error?.message.contains("call migrate()") == true, "\(error?.message ?? "nothing")")
        try await store.migrate()
        try await store.check()
        #expect(try await token(store, "after") > before)
        await store.close()
    }

    @Test("A sequence that stays behind, or is made anew under a running process, gives no lower version")
    func sequenceBehind() async throws {
        let table = try Server.freshTable()
        let store = try await store(table)
        let connection = try RawConnection()
        let sequence = part(table, "_version")
        var last = try await token(store, "first")
        for (number, change) in [
            "SELECT setval('\(sequence)', 1)",
            "DROP SEQUENCE \(sequence); CREATE SEQUENCE \(sequence) AS bigint CACHE 1",
            "ALTER SEQUENCE \(sequence) RESTART WITH 7",
        ].enumerated() {
            let name = "running-\(number)"
            let running = try await IdempotencyInterceptor(store: store).idempotent(key: key(name)) { execution in
                try connection.run(change)
                // It takes a step, and finishes: both over a version that was drawn before.
                try await execution.step("step") {}
                return execution.token?.rawValue ?? 0
            }
            #expect(running > last)
            for call in 0..<3 {
                let next = try await token(store, "next-\(number)-\(call)")
                #expect(next > running)
                last = max(last, next)
            }
        }
        #expect(
            try await becomes {
                let behind = "SELECT last_value < \(last) FROM \(sequence)"
                _ = try await token(store, "again-\(UInt64.random(in: 0 ... .max))")
                return try connection.run(behind) == [["f"]]
            },
            "the sequence was not raised"
        )
        await store.close()
    }

    @Test("A server that becomes read-only under open connections: the store goes on with the other one")
    func demoted() async throws {
        let (a, b) = (try OwnServer(), try OwnServer())
        let table = try Server.freshTable()
        await (try await PostgreSQLIdempotencyStore(b.connectionString, table: table, options: .patient)).close()
        let store = try await PostgreSQLIdempotencyStore(
            try OwnServer.addresses([a, b]) + " target_session_attrs=read-write",
            table: table,
            options: .patient
        )
        let ledger = TransactionalInterceptor(store: store)
        _ = try await token(store, "before")
        try await ledger.idempotent(key: key("in a transaction")) { transaction, _ in
            _ = try await transaction.query("SELECT 1")
        }
        try RawConnection(a.connectionString).run("ALTER SYSTEM SET default_transaction_read_only = on")
        try RawConnection(a.connectionString).run("SELECT pg_reload_conf()")
        let raw = try RawConnection(a.connectionString)
        #expect(try await becomes { try raw.run("SHOW default_transaction_read_only") == [["on"]] })
        // Each of the store's connections meets it once, and none of its callers does.
        for number in 0..<20 { _ = try await token(store, "after-\(number)") }
        #expect(try RawConnection(b.connectionString).run("SELECT count(*) FROM \(table.quoted)") == [["20"]])
        try await store.check()
        try await ledger.idempotent(key: key("in another transaction")) { transaction, _ in
            _ = try await transaction.query("SELECT 1")
        }
        await store.close()
    }

    @Test("A handler's own settings, temporary tables and locks are gone for the next handler")
    func sessionIsCleaned() async throws {
        let table = try Server.freshTable()
        var options = PostgreSQLOptions.patient
        options.transactionConnections = 1
        let store = try await store(table, options)
        let ledger = TransactionalInterceptor(store: store)
        let lock = Int64.random(in: 0 ... .max)
        for number in 0..<2 {
            try await ledger.idempotent(key: key("k-\(number)")) { transaction, _ in
                #expect(try await transaction.query("SHOW search_path", as: String.self)[0] != "elsewhere")
                try await transaction.execute("CREATE TEMPORARY TABLE scratch (id bigint)")
                _ = try await transaction.query("SELECT pg_advisory_lock(\(lock))")
                try await transaction.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
                try await transaction.execute("SET search_path = elsewhere")
                try await transaction.execute("SET statement_timeout = 1")
            }
        }
        #expect(try RawConnection().run("SELECT pg_try_advisory_lock(\(lock))") == [["t"]])
        await store.close()
    }

    @Test(
        "A savepoint of the handler's own takes nothing of a final failure's undoing",
        arguments: ["idempotency_start", "start"]
    )
    func savepoint(_ name: String) async throws {
        let store = try await store(Server.freshTable())
        let effects = Server.freshName("e")
        try RawConnection().run("CREATE TABLE \(effects) (id bigint)")
        struct NoMoney: FinalFailure { static let failureName = "no-money" }
        await #expect(throws: NoMoney.self) {
            try await TransactionalInterceptor(store: store).idempotent(key: key("k"), failures: NoMoney.self) {
                transaction,
                _ in
                try await transaction.execute("INSERT INTO \(identifier: effects) VALUES (1)")
                try await transaction.execute("SAVEPOINT \(identifier: name)")
                try await transaction.execute("INSERT INTO \(identifier: effects) VALUES (2)")
                throw NoMoney()
            }
        }
        #expect(try RawConnection().run("SELECT count(*) FROM \(effects)") == [["0"]])
        await store.close()
    }

    @Test("Numbers come back whole, whatever the role's settings for their text are")
    func exactNumbers() async throws {
        let address = try Server.connectionString + " options='-c extra_float_digits=0 -c bytea_output=escape'"
        let store = try await PostgreSQLIdempotencyStore(address, table: Server.freshTable(), options: .patient)
        let (number, bytes) = try await TransactionalInterceptor(store: store).transaction { transaction in
            let rows = try await transaction.query(
                "SELECT 0.1::float8 + 0.2::float8, '\\x00ff5c'::bytea",
                as: Double.self,
                [UInt8].self
            )
            return rows[0]
        }
        #expect(number == 0.1 + 0.2)
        #expect(bytes == [0, 255, 92])
        await store.close()
    }

    @Test(
        "Spans of years are used as far as the server takes them",
        arguments: [Duration.seconds(30 * 86400), .seconds(3000 * 86400)]
    )
    func longSpans(_ span: Duration) async throws {
        let store = try await store(Server.freshTable())
        let policy = try OperationPolicy(lease: span, maximumRunTime: span, retention: span + .seconds(86400))
        for limit in [nil, span] {
            let ledger = TransactionalInterceptor(store: store, policy: policy, transactionLimit: limit)
            let value = try await ledger.idempotent(key: key("k-\(limit == nil)")) { transaction, _ in
                try await transaction.query("SELECT 1::bigint AS one")[0].decode("one") as Int64
            }
            #expect(value == 1)
        }
        await store.close()
    }

    @Test("An empty search path: the error says where the table was looked for")
    func emptySearchPath() async throws {
        let table = try Server.freshTable()
        await (try await store(table)).close()
        let address = try Server.connectionString + " options='-c search_path='"
        let store = try await PostgreSQLIdempotencyStore(address, table: table, options: .patient, migrates: false)
        let error = await refusal { _ = try await store.load(key("k")) }
        #expect(error?.message.contains("name the schema in SQLTable") == true)
        await store.close()
    }
}
#endif
