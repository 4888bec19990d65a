#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Testing

@Suite("A transaction that the service opens itself, with its own driver", .timeLimit(.minutes(10)))
struct OpenTransactionTests {
    private let folder = TemporaryFolder()
    private let key = Ledger.key("one")

    private func open(
        _ policy: OperationPolicy = .standard
    ) async throws -> (OpenTransactionInterceptor, BareSQLiteClient, Ledger) {
        let path = folder.path("own.db")
        let ledger = try await Ledger(try await SQLiteIdempotencyStore(path: path))
        let client = try BareSQLiteClient(path)
        return (OpenTransactionInterceptor(store: SQLIdempotencyStore(client), policy: policy), client, ledger)
    }

    private func begin(_ interceptor: OpenTransactionInterceptor) async throws -> OpenRun<String> {
        guard case .run(let run) = try await interceptor.begin(key: key, returning: String.self) else {
            throw Mishap()
        }
        return run
    }

    private func enter(_ finish: SQLFinish, _ client: BareSQLiteClient) async throws {
        try await client.transact { [key] rows in
            _ = try rows("INSERT INTO ledger (key) VALUES (\(key.value))")
            try finish.check(try finish.statements.map(rows))
        }
    }

    @Test("Effect and result are committed together, and a duplicate that waited has the result")
    func committed() async throws {
        let (interceptor, client, effects) = try await open()
        let run = try await begin(interceptor)
        #expect(run.attempt == 1)
        #expect(run.token != nil)
        let duplicate = Task { try await interceptor.begin(key: key, returning: String.self) }
        try await enter(try await run.finish("receipt"), client)
        try await run.committed()
        guard case .answered(let outcome) = try await duplicate.value else { throw Mishap() }
        #expect(describe(outcome) == "replayed: receipt")
        #expect(try await effects.count(key) == 1)
    }

    @Test("Rolled back, nothing is there, and the next call runs")
    func rolledBack() async throws {
        let (interceptor, client, effects) = try await open()
        let run = try await begin(interceptor)
        let finish = try await run.finish("receipt")
        await #expect(throws: Mishap.self) {
            try await client.transact { [key] rows in
                _ = try rows("INSERT INTO ledger (key) VALUES (\(key.value))")
                try finish.check(try finish.statements.map(rows))
                throw Mishap()
            }
        }
        #expect(await run.rolledBack(Mishap()) is Mishap)
        #expect(try await effects.count(key) == 0)
        let again = try await begin(interceptor)
        #expect(again.attempt == 2)
        try await enter(try await again.finish("second"), client)
        try await again.committed()
        #expect(try await effects.count(key) == 1)
    }

    @Test("Scenario 38b: a run that lost its key is told so within its transaction, which it has to undo")
    func zombie() async throws {
        let (interceptor, client, effects) = try await open()
        let run = try await begin(interceptor)
        let finish = try await run.finish("receipt")
        let found = try #require(try await effects.store.load(key))
        _ = try await effects.store.checkAndSet(key, expecting: found.version, .remove)
        await expectError(.leaseLost) { try await enter(finish, client) }
        _ = await run.rolledBack(Mishap())
        #expect(try await effects.count(key) == 0)
    }

    @Test("A service that died after its commit: the next caller has the result, by the record alone")
    func forgotten() async throws {
        let (interceptor, client, effects) = try await open()
        do {
            let run = try await begin(interceptor)
            try await enter(try await run.finish("receipt"), client)
            // Neither `committed()` nor `rolledBack()`.
        }
        guard case .answered(let outcome) = try await interceptor.begin(key: key, returning: String.self) else {
            throw Mishap()
        }
        #expect(describe(outcome) == "replayed: receipt")
        #expect(try await effects.count(key) == 1)
    }

    @Test("A service that forgot its run: the key is free when the lease is over")
    func dropped() async throws {
        let (interceptor, client, effects) = try await open(try OperationPolicy(lease: .milliseconds(100)))
        for isFinishing in [false, true] {
            let run = try await begin(interceptor)
            if isFinishing { _ = try await run.finish("never") }
        }
        let run = try await begin(interceptor)
        try await enter(try await run.finish("third"), client)
        try await run.committed()
        #expect(try await effects.count(key) == 1)
    }

    @Test("What is said to be committed and is not is an error, and no duplicate is answered by it")
    func notCommitted() async throws {
        let (interceptor, client, effects) = try await open(try OperationPolicy(lease: .milliseconds(100)))
        for isFinishing in [false, true] {
            let run = try await begin(interceptor)
            if isFinishing { _ = try await run.finish("never") }
            await expectError(.resultNotSaved) { try await run.committed() }
        }
        let run = try await begin(interceptor)
        try await enter(try await run.finish("third"), client)
        try await run.committed()
        #expect(try await effects.count(key) == 1)
    }

    @Test("A final failure is kept, and thrown again as its type")
    func failure() async throws {
        let (interceptor, client, _) = try await open()
        guard
            case .run(let run) = try await interceptor.begin(key: key, failures: Declined.self, returning: String.self)
        else { throw Mishap() }
        let finish = try await run.finish(failing: Declined(reason: "no"))
        try await client.transact { rows in try finish.check(try finish.statements.map(rows)) }
        try await run.committed()
        await #expect(throws: Declined(reason: "no")) {
            _ = try await interceptor.begin(key: key, failures: Declined.self, returning: String.self)
        }
    }

    @Test("A failure of a type that was not declared is refused as that, and the run goes on")
    func undeclaredFailure() async throws {
        let (interceptor, client, effects) = try await open()
        let run = try await begin(interceptor)
        await expectError(.invalidConfiguration) { try await run.finish(failing: Declined(reason: "no")) }
        try await enter(try await run.finish("receipt"), client)
        try await run.committed()
        #expect(try await effects.count(key) == 1)
    }

    @Test("A service that commits although its run lost its key is not told that nothing took effect")
    func committedWithoutRecord() async throws {
        let (interceptor, client, effects) = try await open()
        let run = try await begin(interceptor)
        let finish = try await run.finish("receipt")
        let found = try #require(try await effects.store.load(key))
        _ = try await effects.store.checkAndSet(key, expecting: found.version, .remove)
        try await client.transact { [key] rows in
            _ = try rows("INSERT INTO ledger (key) VALUES (\(key.value))")
            // Without its check.
            _ = try finish.statements.map(rows)
        }
        let error = await #expect(throws: IdempotencyError.self) { try await run.committed() }
        #expect(error?.code == .leaseLost)
        #expect(error?.message.contains("nothing of it took effect") == false)
        #expect(try await effects.count(key) == 1)
    }

    @Test("What was committed after all stays so, whatever the service makes of an error at its commit")
    func rolledBackAfterCommit() async throws {
        let (interceptor, client, effects) = try await open()
        let run = try await begin(interceptor)
        try await enter(try await run.finish("receipt"), client)
        #expect(await run.rolledBack(Mishap()) is Mishap)
        guard case .answered(let outcome) = try await interceptor.begin(key: key, returning: String.self) else {
            throw Mishap()
        }
        #expect(describe(outcome) == "replayed: receipt")
        #expect(try await effects.count(key) == 1)
    }

    @Test("A transaction that has to be begun again has new statements for it")
    func again() async throws {
        let (interceptor, client, effects) = try await open()
        let run = try await begin(interceptor)
        for isLast in [false, true] {
            let finish = try await run.finish("receipt")
            try? await client.transact { [key] rows in
                _ = try rows("INSERT INTO ledger (key) VALUES (\(key.value))")
                try finish.check(try finish.statements.map(rows))
                if !isLast { throw Mishap() }
            }
        }
        try await run.committed()
        #expect(try await effects.count(key) == 1)
    }

    @Test("Without protection there is nothing to be finished")
    func unprotected() async throws {
        let (interceptor, client, effects) = try await open(try OperationPolicy(mode: .off))
        for _ in 1...2 {
            let run = try await begin(interceptor)
            try await enter(try await run.finish("receipt"), client)
            try await run.committed()
        }
        #expect(try await effects.count(key) == 2)
    }
}
#endif
