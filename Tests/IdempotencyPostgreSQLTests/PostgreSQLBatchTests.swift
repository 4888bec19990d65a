#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
import TestSupport
import Testing

@Suite("Calls to a PostgreSQL store that travel together", .timeLimit(.minutes(10)))
struct PostgreSQLBatchTests {
    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    @Test("One that cannot be done fails alone")
    func culprit() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        try RawConnection().run("ALTER TABLE \(table.quoted) ADD CHECK (length(record) < 20000)")
        // Without an interceptor, which would ask again.
        func record(_ size: Int) -> IdempotencyRecord {
            IdempotencyRecord(
                state: .done(.bytes([UInt8](repeating: 1, count: size))),
                attempt: 1,
                claimant: Claimant(high: 1, low: 2),
                token: 0,
                fingerprint: nil,
                lapsePolicy: .rerun,
                isKnownWithoutEffect: true,
                lease: 0,
                retention: 3_600_000_000_000,
                checkpoints: []
            )
        }
        let refusals = await withTaskGroup(of: (Int, IdempotencyError?).self) { group in
            for number in 0..<200 {
                let record = record(number == 77 ? 50_000 : 100)
                group.addTask {
                    let error = await refusal {
                        _ = try await store.checkAndSet(key("k-\(number)"), expecting: nil, .write(record))
                    }
                    return (number, error)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(Set(refusals.keys) == [77])
        #expect((refusals[77]?.cause as? PostgreSQLFailure)?.code == "23514")
        #expect(refusals[77]?.message.contains("Nothing was changed") == true)
        for number in [0, 76, 78, 199] { #expect(try await store.load(key("k-\(number)"))?.state == .done) }
        #expect(try await store.load(key("k-77")) == nil)
        await store.close()
    }

    @Test("A thousand tasks on one key over two stores: one run, and everybody has its result")
    func oneKey() async throws {
        let table = try Server.freshTable()
        let stores = [
            try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient),
            try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient),
        ]
        // Only a wake-up ends a wait: the poll underneath comes too late.
        let policy = try OperationPolicy(waitLimit: .seconds(100), pollInterval: .seconds(90))
        let interceptors = stores.map { IdempotencyInterceptor(store: $0, policy: policy) }
        let runs = Counter()
        let answers = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    try await interceptors[number % 2].idempotent(key: key("hot")) { _ in
                        try await Task.sleep(for: .milliseconds(20))
                        return runs.add()
                    }
                }
            }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(answers == [1])
        #expect(runs.value == 1)
        for store in stores { await store.close() }
    }

    @Test("Two stores and many keys: each runs once, whoever comes first")
    func manyKeys() async throws {
        let table = try Server.freshTable()
        let stores = [
            try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient),
            try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient),
        ]
        let interceptors = stores.map { IdempotencyInterceptor(store: $0) }
        let runs = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in 0..<250 {
                        let interceptor = interceptors[(task + number) % 2]
                        let answer = try await interceptor.idempotent(key: key("k-\(number)")) { _ in
                            runs.add()
                            return number
                        }
                        #expect(answer == number)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value == 250)
        for store in stores { await store.close() }
    }

    @Test("Calls for one key at once are answered as if they came one after the other")
    func oneKeyAtOnce() async throws {
        let store = try await PostgreSQLIdempotencyStore(
            Server.connectionString,
            table: Server.freshTable(),
            options: .patient
        )
        for round in 0..<20 {
            let key = try key("k-\(round)")
            let removals = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        guard case .stored? = try? await store.checkAndSet(key, expecting: nil, .remove) else {
                            return false
                        }
                        return true
                    }
                    group.addTask {
                        _ = try? await store.load(key)
                        return true
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(removals.allSatisfy { $0 })
        }
        await store.close()
    }

    private func claim() -> IdempotencyRecord {
        IdempotencyRecord(
            state: .pending(unknown: nil),
            attempt: 1,
            claimant: Claimant(high: 1, low: 2),
            token: 0,
            fingerprint: nil,
            lapsePolicy: .rerun,
            isKnownWithoutEffect: true,
            lease: 3_600_000_000_000,
            retention: 3_600_000_000_000,
            checkpoints: []
        )
    }

    /// Keeps a store of one connection busy with renewals, many more than share a message, and does something else meanwhile.
    ///
    /// - Returns: Whether that was done long before the renewals were.
    private func hasTurn(_ body: (PostgreSQLIdempotencyStore) async throws -> Void) async throws -> Bool {
        var options = PostgreSQLOptions.patient
        options.connections = 1
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options)
        let (calls, ended) = (Counter(), Counter())
        let (tasks, most) = (600, 100)
        let record = claim()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                let key = try key("k-\(task)")
                group.addTask {
                    var version: RecordVersion?
                    for _ in 0..<most where ended.value == 0 {
                        let result = try await store.checkAndSet(key, expecting: version, .write(record))
                        guard case .stored(let stored) = result else {
                            Issue.record("not stored: \(result)")
                            return
                        }
                        version = stored
                        calls.add()
                    }
                }
            }
            await calls.wait(for: 10 * tasks)
            try await body(store)
            ended.add()
            try await group.waitForAll()
        }
        await store.close()
        return calls.value < tasks * most / 2
    }

    @Test("A single claim has its turn among renewals without end")
    func fewAmongMany() async throws {
        let claim = claim()
        let hasTurn = try await hasTurn { store in
            _ = try await store.checkAndSet(key("single"), expecting: nil, .write(claim))
        }
        #expect(hasTurn)
    }

    @Test("Purging has its turn while calls keep the connection busy")
    func turns() async throws {
        let hasTurn = try await hasTurn { store in _ = try await store.purge(limit: 1) }
        #expect(hasTurn)
    }
}
#endif
