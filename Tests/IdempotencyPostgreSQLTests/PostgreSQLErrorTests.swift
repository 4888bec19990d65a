#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
import Testing

@Suite("What a PostgreSQL store says when it cannot be used", .timeLimit(.minutes(10)))
struct PostgreSQLErrorTests {
    private func key(_ value: String = "k-1") throws -> IdempotencyKey {
        try IdempotencyKey(operation: "charge", value: value)
    }

    private func opening(_ connectionString: String, _ options: PostgreSQLOptions = PostgreSQLOptions()) async
        -> IdempotencyError?
    {
        await refusal {
            let store = try await PostgreSQLIdempotencyStore(
                connectionString,
                table: Server.freshTable(),
                options: options
            )
            await store.close()
        }
    }

    @Test(
        "A string that is none is refused without being repeated",
        arguments: ["nonsense", "host=x secret=s3cret", "password='s3cret", "postgresql://u:s3%cret@h/d"]
    )
    func badString(_ text: String) async throws {
        let error = await opening(text)
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("s3") == false)
        #expect(error?.cause == nil)
    }

    @Test("Nobody listens there")
    func unreachable() async throws {
        let error = await opening("host=127.0.0.1 port=1 user=u password=s3cret dbname=d")
        #expect(error?.code == .storeUnavailable)
        #expect(error?.message.contains("look whether the server runs") == true)
        #expect(error?.message.contains("s3cret") == false)
        #expect((error?.cause as? PostgreSQLFailure)?.message.contains("s3cret") == false)
    }

    @Test("A server that sends without an end while it is connected to is given up")
    func flood() async {
        // The greeting is accepted (AuthenticationOk), and then come settings (ParameterStatus).
        let server = FloodServer(
            [82, 0, 0, 0, 8, 0, 0, 0, 0],
            then: [83, 0, 0, 0, 8, 97, 0, 98, 0],
            megabytes: 200
        )
        var options = PostgreSQLOptions.patient
        options.connectTimeout = .milliseconds(300)
        let address = "host=127.0.0.1 port=\(server.port) user=u dbname=d sslmode=disable gssencmode=disable"
        let error = await opening(address, options)
        #expect(error?.code == .storeUnavailable)
        #expect(await server.wasCutOff())
    }

    @Test("A wrong password, a database that is not there, a role without a connection")
    func refusals() async throws {
        let connection = try RawConnection()
        let role = Server.freshName("r")
        try connection.run(
            """
            DO $$ BEGIN CREATE ROLE guarded LOGIN PASSWORD 'right'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
            CREATE ROLE \(role) LOGIN CONNECTION LIMIT 0
            """
        )
        let server = try Server.connectionString
        let wrong = await opening(server + " user=guarded password=s3cret")
        #expect(
            wrong?.message.contains("does not accept the role or its password") == true,
            "\(wrong?.message ?? "nothing")"
        )
        #expect((wrong?.cause as? PostgreSQLFailure)?.code == "28P01")
        #expect(
            "\(wrong?.message ?? "") \((wrong?.cause as? PostgreSQLFailure)?.message ?? "")".contains("s3cret") == false
        )
        let missing = await opening(server + " dbname=not_there")
        #expect((missing?.cause as? PostgreSQLFailure)?.code == "3D000")
        #expect(missing?.message.contains("no such database") == true)
        let full = await opening(server + " user=\(role)")
        #expect((full?.cause as? PostgreSQLFailure)?.code == "53300")
        #expect(full?.message.contains("no free connection") == true)
    }

    @Test("A database of another encoding")
    func encoding() async throws {
        let name = Server.freshName("d")
        try RawConnection().run("CREATE DATABASE \(name) ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        let error = await opening(try Server.connectionString + " dbname=\(name)")
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("ENCODING 'UTF8'") == true)
    }

    @Test("A server that acknowledges what it may lose is refused, or used with a warning")
    func unsafe() async throws {
        let server = try Server.connectionString + " options='-c synchronous_commit=off'"
        let error = await opening(server)
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("synchronous_commit is off") == true)
        var options = PostgreSQLOptions.patient
        options.unsafeServer = .accept
        let store = try await PostgreSQLIdempotencyStore(server, table: Server.freshTable(), options: options)
        #expect(store.warnings.count == 1)
        #expect(store.warnings.first?.contains("synchronous_commit is off") == true)
        await store.close()
    }

    @Test("A server that takes no writes")
    func readOnly() async throws {
        let table = try Server.freshTable()
        await (try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)).close()
        let server = try Server.connectionString + " options='-c default_transaction_read_only=on'"
        let error = await opening(server)
        #expect(error?.code == .storeUnavailable)
        #expect(error?.message.contains("connect to the primary") == true, "\(error?.message ?? "nothing")")
    }

    @Test("A role without rights")
    func noRights() async throws {
        let (table, role) = (try Server.freshTable(), Server.freshName("r"))
        await (try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)).close()
        try RawConnection().run("CREATE ROLE \(role) LOGIN")
        let server = try Server.connectionString + " user=\(role)"
        let store = try await PostgreSQLIdempotencyStore(server, table: table, migrates: false)
        let error = await refusal { _ = try await store.load(key()) }
        #expect(error?.message.contains("lacks a right") == true)
        await store.close()
    }

    @Test("A row that another transaction has locked: an error after the lock timeout, and others are served")
    func locked() async throws {
        let table = try Server.freshTable()
        var options = PostgreSQLOptions.patient
        options.lockTimeout = .milliseconds(100)
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options)
        let policy = try OperationPolicy(lease: .milliseconds(200))
        let interceptor = IdempotencyInterceptor(store: store, policy: policy)
        _ = try await interceptor.idempotent(key: key()) { _ in "A" }
        let version = try #require(try await store.load(key())?.version)
        let other = try RawConnection()
        try other.run("BEGIN; SELECT * FROM \(table.quoted) FOR UPDATE")
        // Who only reads is not held up.
        #expect(try await interceptor.idempotent(key: key()) { _ in "B" } == "A")
        let results = await withTaskGroup(of: (Int, IdempotencyError?).self) { group in
            for number in 0..<40 {
                group.addTask {
                    let error = await refusal {
                        if number == 17 {
                            _ = try await store.checkAndSet(key(), expecting: version, .remove)
                        } else {
                            _ = try await IdempotencyInterceptor(store: store).idempotent(key: key("other-\(number)")) {
                                _ in 1
                            }
                        }
                    }
                    return (number, error)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(Set(results.keys) == [17])
        #expect(results[17]?.message.contains("holds the row's lock") == true)
        try other.run("ROLLBACK")
        guard case .stored = try await store.checkAndSet(key(), expecting: version, .remove) else {
            Issue.record("not removed")
            return
        }
        await store.close()
    }

    @Test("A row that another transaction has written to, and not committed: duplicates are answered at once")
    func uncommitted() async throws {
        let table = try Server.freshTable()
        var options = PostgreSQLOptions.patient
        options.lockTimeout = .milliseconds(100)
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options)
        let interceptor = IdempotencyInterceptor(store: store)
        _ = try await interceptor.idempotent(key: key()) { _ in "A" }
        let kept = try #require(try await store.load(key()))
        let other = try RawConnection()
        // As a service's own transaction does that has finished a run, and does something else before its commit.
        try other.run("BEGIN; UPDATE \(table.quoted) SET attempt = attempt")
        let error = await refusal {
            let result = try await store.checkAndSet(key(), expecting: nil, .write(kept.record))
            guard case .conflict(let found?) = result else {
                Issue.record("claimed: \(result)")
                return
            }
            #expect(found.version == kept.version)
        }
        #expect(error == nil, "\(error?.message ?? "")")
        try other.run("ROLLBACK")
        await store.close()
    }

    @Test("Options that cannot be kept")
    func options() async throws {
        let server = try Server.connectionString
        let changes: [@Sendable (inout PostgreSQLOptions) -> Void] = [
            { $0.connections = 0 }, { $0.transactionConnections = 0 }, { $0.connectTimeout = .zero },
            { $0.statementTimeout = .seconds(31) }, { $0.lockTimeout = .seconds(5) },
        ]
        for change in changes {
            var options = PostgreSQLOptions()
            change(&options)
            #expect(await opening(server, options)?.code == .invalidConfiguration)
        }
    }
}
#endif
