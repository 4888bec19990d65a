#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
import TestSupport
import Testing

@Suite("A handler's transaction in PostgreSQL", .timeLimit(.minutes(10)))
struct PostgreSQLTransactionTests {
    /// A store with a claimed key, and a table for effects.
    private struct Scene {
        let store: PostgreSQLIdempotencyStore
        let key: IdempotencyKey
        let claim: RecordVersion
        let effects: String
        let name: String
        let connection: RawConnection

        init(_ options: PostgreSQLOptions = .patient, constraint: String = "") async throws {
            name = Server.freshName("scene")
            effects = Server.freshName("e")
            connection = try RawConnection()
            try connection.run("CREATE TABLE \(effects) (id bigint PRIMARY KEY, note text \(constraint))")
            store = try await PostgreSQLIdempotencyStore(
                Server.connectionString + " application_name=\(name)",
                table: Server.freshTable(),
                options: options
            )
            key = try IdempotencyKey(operation: "charge", value: "k")
            guard case .stored(let version) = try await store.checkAndSet(key, expecting: nil, .write(Self.pending))
            else {
                throw CancellationError()
            }
            claim = version
        }

        static var pending: IdempotencyRecord { record(.pending(unknown: nil)) }
        static var done: IdempotencyRecord { record(.done(.bytes([1, 2, 3]))) }

        private static func record(_ state: IdempotencyRecord.State) -> IdempotencyRecord {
            IdempotencyRecord(
                state: state,
                attempt: 1,
                claimant: Claimant(high: 1, low: 2),
                token: 0,
                fingerprint: nil,
                lapsePolicy: .rerun,
                isKnownWithoutEffect: true,
                lease: 60_000_000_000,
                retention: 3_600_000_000_000,
                checkpoints: []
            )
        }

        func begin(_ limit: Duration = .seconds(20)) async throws -> any SQLSession {
            try await store.beginTransaction(for: limit)
        }

        func insert(_ session: any SQLSession, _ id: Int = 1) async throws {
            _ = try await session.run("INSERT INTO \(identifier: effects) VALUES (\(id), \("a note"))")
        }

        func finish(_ session: any SQLSession) async throws -> CheckAndSetResult {
            try await session.finish(key, writing: Self.done, over: claim)
        }

        var effectCount: String { get throws { try connection.run("SELECT count(*) FROM \(effects)")[0][0] } }

        func isDone() async throws -> Bool { try await store.load(key)?.state == .done }

        func endSessions(_ condition: String = "true") throws {
            try connection.run(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = '\(name)' AND \(condition)
                """
            )
        }
    }

    /// What a finish throws.
    private func failure(_ body: () async throws -> CheckAndSetResult) async -> SQLCommitFailure? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? SQLCommitFailure
        }
    }

    private func sqlError(_ body: () async throws -> Void) async -> SQLError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? SQLError
        }
    }

    @Test("Effect and result are committed together; nobody sees one without the other")
    func commit() async throws {
        let scene = try await Scene()
        let session = try await scene.begin()
        try await scene.insert(session)
        #expect(try scene.effectCount == "0")
        guard case .stored(let version) = try await scene.finish(session) else {
            Issue.record("not stored")
            return
        }
        #expect(version > scene.claim)
        #expect(try scene.effectCount == "1")
        #expect(try await scene.store.load(scene.key)?.version == version)
        #expect(try await scene.isDone())
        #expect(await sqlError { try await scene.insert(session, 2) } != nil)
        await session.rollback()
        await scene.store.close()
    }

    @Test("A handler without a statement commits its result")
    func empty() async throws {
        let scene = try await Scene()
        guard case .stored = try await scene.finish(scene.begin()) else {
            Issue.record("not stored")
            return
        }
        #expect(try await scene.isDone())
        await scene.store.close()
    }

    @Test("A rollback leaves neither, and what is undone leaves room for a result alone")
    func rollbackAndUndo() async throws {
        let scene = try await Scene()
        var session = try await scene.begin()
        try await scene.insert(session)
        await session.rollback()
        await session.rollback()
        #expect(try scene.effectCount == "0")
        #expect(try await scene.isDone() == false)

        session = try await scene.begin()
        try await session.undo()
        try await scene.insert(session)
        // Also after a statement that failed.
        #expect(await sqlError { try await scene.insert(session) }?.code == "23505")
        #expect(await sqlError { try await scene.insert(session, 2) }?.code == "25P02")
        try await session.undo()
        try await scene.insert(session, 3)
        try await session.undo()
        guard case .stored = try await scene.finish(session) else {
            Issue.record("not stored")
            return
        }
        #expect(try scene.effectCount == "0")
        #expect(try await scene.isDone())
        await scene.store.close()
    }

    @Test("Scenario 38b: a zombie's finish matches no row, and its effect is rolled back")
    func zombie() async throws {
        let scene = try await Scene()
        let session = try await scene.begin()
        try await scene.insert(session)
        _ = try await scene.store.checkAndSet(scene.key, expecting: scene.claim, .write(Scene.pending))
        guard case .conflict = try await scene.finish(session) else {
            Issue.record("a zombie has finished")
            return
        }
        #expect(try scene.effectCount == "0")
        #expect(try await scene.isDone() == false)
        // The connection serves the next one.
        let next = try await scene.begin()
        try await scene.insert(next)
        await next.rollback()
        await scene.store.close()
    }

    @Test("A transaction that has failed is not committed, whatever the server answers")
    func failed() async throws {
        let scene = try await Scene()
        let session = try await scene.begin()
        #expect(await sqlError { _ = try await session.run("SELECT 1 / 0") }?.code == "22012")
        guard case .undone? = await failure({ try await scene.finish(session) }) else {
            Issue.record("not undone")
            return
        }
        #expect(try await scene.isDone() == false)
        await scene.store.close()
    }

    @Test("A constraint that is checked at the commit undoes effect and result")
    func deferred() async throws {
        let scene = try await Scene(constraint: "UNIQUE DEFERRABLE INITIALLY DEFERRED")
        let session = try await scene.begin()
        try await scene.insert(session, 1)
        try await scene.insert(session, 2)
        guard case .undone(let error)? = await failure({ try await scene.finish(session) }) else {
            Issue.record("not undone")
            return
        }
        #expect((error as? SQLError)?.code == "23505")
        #expect(try scene.effectCount == "0")
        #expect(try await scene.isDone() == false)
        await scene.store.close()
    }

    @Test("A serialization failure says that it may be repeated")
    func serialization() async throws {
        let scene = try await Scene()
        var options = PostgreSQLOptions.patient
        options.isolation = .serializable
        let store = try await PostgreSQLIdempotencyStore(
            Server.connectionString,
            table: scene.store.table,
            options: options
        )
        try scene.connection.run("INSERT INTO \(scene.effects) VALUES (1, 'a'), (2, 'b')")
        let session = try await store.beginTransaction(for: .seconds(20))
        // Each reads what the other writes.
        _ = try await session.run("SELECT count(*) FROM \(identifier: scene.effects) WHERE note = 'b'")
        _ = try await session.run("UPDATE \(identifier: scene.effects) SET note = 'b' WHERE id = 1")
        try scene.connection.run(
            """
            BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM \(scene.effects) WHERE note = 'a';
            UPDATE \(scene.effects) SET note = 'a' WHERE id = 2; COMMIT
            """
        )
        guard case .undone(let error)? = await failure({ try await scene.finish(session) }) else {
            Issue.record("not undone")
            return
        }
        #expect((error as? SQLError)?.mayBeRepeated == true)
        #expect(try await scene.isDone() == false)
        await store.close()
        await scene.store.close()
    }

    @Test("A session that is ended before its commit is known to be undone")
    func endedBefore() async throws {
        let scene = try await Scene()
        let session = try await scene.begin()
        try await scene.insert(session)
        try scene.endSessions("state = 'idle in transaction'")
        guard case .undone? = await failure({ try await scene.finish(session) }) else {
            Issue.record("not undone")
            return
        }
        #expect(try scene.effectCount == "0")
        #expect(try await scene.isDone() == false)
        await scene.store.close()
    }

    @Test(
        "Scenario 38: the reply to a commit is lost: whether it was committed, the server tells",
        arguments: [true, false]
    )
    func lostReply(_ isCommitted: Bool) async throws {
        let (proxy, proxied) = try CuttingProxy.inFrontOf(Server.connectionString)
        let scene = try await Scene()
        let store = try await PostgreSQLIdempotencyStore(proxied, table: scene.store.table, options: .patient)
        let session = try await store.beginTransaction(for: .seconds(20))
        try await scene.insert(session)
        proxy.cut(afterRequest: isCommitted, at: "COMMIT")
        let outcome: SQLCommitFailure?
        var version: RecordVersion?
        do {
            if case .stored(let stored) = try await scene.finish(session) { version = stored }
            outcome = nil
        } catch {
            outcome = error as? SQLCommitFailure
        }
        #expect(proxy.cuts == 1)
        #expect(try await scene.isDone() == isCommitted)
        #expect(try scene.effectCount == (isCommitted ? "1" : "0"))
        if isCommitted {
            #expect(try await scene.store.load(scene.key)?.version == version)
        } else {
            guard case .undone? = outcome else {
                Issue.record("not undone")
                return
            }
        }
        await store.close()
        await scene.store.close()
    }

    @Test(
        "At each isolation a run whose lease is renewed meanwhile commits once",
        arguments: [PostgreSQLOptions.Isolation.readCommitted, .repeatableRead, .serializable]
    )
    func renewed(_ isolation: PostgreSQLOptions.Isolation) async throws {
        let scene = try await Scene()
        var options = PostgreSQLOptions.patient
        options.isolation = isolation
        let store = try await PostgreSQLIdempotencyStore(
            Server.connectionString,
            table: scene.store.table,
            options: options
        )
        let policy = try OperationPolicy(lease: .milliseconds(300))
        let ledger = TransactionalInterceptor(store: store, policy: policy, transactionLimit: .seconds(5))
        let key = try IdempotencyKey(operation: "renewed", value: isolation.rawValue)
        let level = try await ledger.idempotent(key: key) { transaction, _ in
            try await transaction.execute("INSERT INTO \(identifier: scene.effects) VALUES (7)")
            // Due after a third of the lease.
            try await Task.sleep(for: .milliseconds(150))
            let level = try await transaction.query("SHOW transaction_isolation", as: String.self)
            return level[0]
        }
        #expect(level == isolation.rawValue.lowercased())
        #expect(try scene.effectCount == "1")
        await store.close()
        await scene.store.close()
    }

    @Test("The transaction's number is another one's after a crash of the server: the record tells, and not the number")
    func numberOfAnother() async throws {
        let (proxy, proxied) = try CuttingProxy.inFrontOf(Server.connectionString)
        let scene = try await Scene()
        let store = try await PostgreSQLIdempotencyStore(proxied, table: scene.store.table, options: .patient)
        // Of a transaction that was committed: as the server says it of a number that it has given again.
        let number = try scene.connection.run("SELECT pg_current_xact_id()::text")[0][0]
        proxy.rewrite("pg_current_xact_id()::text", as: "'\(number)'::text")
        let session = try await store.beginTransaction(for: .seconds(20))
        try await scene.insert(session)
        proxy.cut(afterRequest: false, at: "COMMIT")
        guard case .undone? = await failure({ try await scene.finish(session) }) else {
            Issue.record("not undone")
            return
        }
        #expect(proxy.cuts == 1)
        #expect(try await !scene.isDone())
        #expect(try scene.effectCount == "0")
        await store.close()
        await scene.store.close()
    }

    @Test("A transaction that is open for too long is rolled back, and its next statement says so")
    func limit() async throws {
        let scene = try await Scene()
        let session = try await scene.begin(.seconds(2))
        try await scene.insert(session)
        let locks = "SELECT count(*) FROM pg_locks WHERE relation = '\(scene.effects)'::regclass"
        #expect(try scene.connection.run(locks) != [["0"]])
        #expect(try await becomes { try scene.connection.run(locks) == [["0"]] })
        #expect(await sqlError { try await scene.insert(session, 2) }?.code == "25P03")
        guard case .undone? = await failure({ try await scene.finish(session) }) else {
            Issue.record("not undone")
            return
        }
        // Also in the middle of a statement.
        let second = try await scene.begin(.milliseconds(200))
        #expect(await sqlError { _ = try await second.run("SELECT pg_sleep(20)") }?.code == "25P03")
        #expect(try scene.effectCount == "0")
        await scene.store.close()
    }

    @Test(
        "What would end the transaction is refused before it is sent",
        arguments: [
            "COMMIT", "commit work", " \n-- a note\n/* a /* nested */ one */ COMMIT", "; ROLLBACK",
            "ROLLBACK AND CHAIN", "BEGIN",
            "START TRANSACTION", "END", "ABORT", "PREPARE TRANSACTION 'x'", "rollback work", "COPY t TO STDOUT",
            "COMMIT/**/", "ROLLBACK",
        ]
    )
    func refused(_ sql: String) async throws {
        let scene = try await Scene()
        let session = try await scene.begin()
        try await scene.insert(session)
        #expect(await sqlError { _ = try await session.run("\(raw: sql)") } != nil)
        // Nothing has happened to it.
        try await scene.insert(session, 2)
        guard case .stored = try await scene.finish(session) else {
            Issue.record("not stored")
            return
        }
        #expect(try scene.effectCount == "2")
        await scene.store.close()
    }

    @Test("Savepoints of the handler's own are its own business")
    func savepoints() async throws {
        let scene = try await Scene()
        let session = try await scene.begin()
        for sql in [
            "SAVEPOINT mine", "ROLLBACK TO mine", "rollback work to savepoint mine", "ROLLBACK TRANSACTION TO mine",
            "RELEASE mine", "PREPARE p AS SELECT 1", "SELECT 'COMMIT'",
        ] {
            _ = try await session.run("\(raw: sql)")
        }
        await session.rollback()
        await scene.store.close()
    }

    @Test("Values of every kind go in and come out")
    func values() async throws {
        let scene = try await Scene()
        let session = try await scene.begin()
        let result = try await session.run(
            """
            SELECT \(true)::boolean AS yes, \(7)::int AS small, \(Int64.max)::bigint AS large, \(1.5)::float8 AS half,
                \("a 'note' é🎉")::text AS note, \([0, 1, 255] as [UInt8]) AS raw, \(SQLValue.null)::text AS nothing,
                12.50::numeric AS price, 'infinity'::float8 AS endless, 3::smallint AS tiny
            """
        )
        let expected: [SQLValue] = [
            .boolean(true), .integer(7), .integer(.max), .double(1.5), .text("a 'note' é🎉"), .bytes([0, 1, 255]), .null,
            .text("12.50"), .double(.infinity), .integer(3),
        ]
        #expect(result.rows.map(\.values) == [expected])
        #expect(try result.rows[0].decode("note") == "a 'note' é🎉")
        #expect(result.changes == 0)
        try await scene.insert(session, 1)
        try await scene.insert(session, 2)
        let update = try await session.run(
            "UPDATE \(identifier: scene.effects) SET note = \(SQLValue.null) WHERE id > \(0)"
        )
        #expect(update.changes == 2)
        await session.rollback()
        await scene.store.close()
    }

    @Test("Whoever finds no free connection waits for one, and not for ever; a cancelled one not at all")
    func taken() async throws {
        var options = PostgreSQLOptions.patient
        options.transactionConnections = 1
        options.connectTimeout = .seconds(3)
        let scene = try await Scene(options)
        let first = try await scene.begin()
        try await scene.insert(first)
        // The store's own calls never wait for a handler.
        #expect(try await scene.store.load(scene.key) != nil)
        #expect(await refusal { _ = try await scene.begin() }?.message.contains("transactionConnections") == true)
        let waiting = Task { [store = scene.store] in try await store.beginTransaction(for: .seconds(20)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
        let next = Task { [store = scene.store] in try await store.beginTransaction(for: .seconds(20)) }
        await first.rollback()
        await (try await next.value).rollback()
        await scene.store.close()
    }

    @Test("A commit wakes whoever waits for its key")
    func wakes() async throws {
        let scene = try await Scene()
        let other = try await PostgreSQLIdempotencyStore(
            Server.connectionString,
            table: scene.store.table,
            options: .patient
        )
        let ear = try RawConnection()
        try ear.run("LISTEN \(ear.run(other.statementTexts.channel)[0][0])")
        let subscription = try await other.subscribe(to: scene.key) {}
        _ = try await scene.finish(scene.begin())
        var count = 0
        #expect(
            try await becomes {
                count = try ear.notifications()
                return count > 0
            }
        )
        #expect(count == 1)
        subscription.cancel()
        await other.close()
        await scene.store.close()
    }
}
#endif
