#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Testing

/// The error of a declined transfer: an answer for good.
struct Declined: FinalFailure, Equatable {
    static let failureName = "declined"
    let reason: String
}

struct Mishap: Error {}

@Suite("Effect and result in one transaction, with a handler in its own task", .timeLimit(.minutes(10)))
struct SQLiteTransactionTests {
    private let folder = TemporaryFolder()
    private let key = Ledger.key("one")

    private func open() async throws -> (TransactionalInterceptor, Ledger) {
        let store = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        return (TransactionalInterceptor(store: store), try await Ledger(store))
    }

    @Test("Both are there after the first call, and a duplicate runs nothing")
    func replay() async throws {
        let (ledger, effects) = try await open()
        for call in 1...3 {
            let outcome = try await ledger.outcome(key: key) { transaction, execution in
                try await transaction.enter(key)
                return "receipt \(call)"
            }
            #expect(describe(outcome) == (call == 1 ? "ran: receipt 1" : "replayed: receipt 1"))
        }
        #expect(try await effects.count(key) == 1)
        #expect(try await ledger.interceptor.status(of: key).isDone)
    }

    @Test("A handler that returns nothing, and one that is wrapped")
    func forms() async throws {
        struct Request: Encodable {
            let id: String
            let amount: Int
        }
        let (ledger, effects) = try await open()
        for _ in 1...2 {
            try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        }
        let transfer = ledger.idempotent(key: { Ledger.key($0.id) }) { (request: Request, transaction, _) in
            try await transaction.enter(Ledger.key(request.id), request.amount)
            return request.amount
        }
        #expect(try await transfer(Request(id: "two", amount: 5)) == 5)
        #expect(try await transfer(Request(id: "two", amount: 5)) == 5)
        await expectError(.fingerprintMismatch) { try await transfer(Request(id: "two", amount: 6)) }
        #expect(try await effects.count(key) == 1)
        #expect(try await effects.count(Ledger.key("two")) == 1)
    }

    @Test("What a handler throws undoes its effect, and the next call runs")
    func thrown() async throws {
        let (ledger, effects) = try await open()
        await #expect(throws: Mishap.self) {
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                throw Mishap()
            }
        }
        #expect(try await effects.count(key) == 0)
        let attempt = try await ledger.idempotent(key: key) { transaction, execution in
            try await transaction.enter(key)
            return execution.attempt
        }
        #expect(attempt == 2)
        #expect(try await effects.count(key) == 1)
    }

    @Test("A final failure undoes the effect, is kept, and is thrown again as the same type")
    func finalFailure() async throws {
        let (ledger, effects) = try await open()
        for reason in ["first", "second"] {
            await #expect(throws: Declined(reason: "first")) {
                try await ledger.idempotent(key: key, failures: Declined.self) { transaction, _ in
                    try await transaction.enter(key)
                    // A statement that fails does not stand in the way of the failure's record.
                    _ = try? await transaction.execute("INSERT INTO nowhere VALUES (1)")
                    throw Declined(reason: reason)
                }
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test("A final failure before the first statement is kept as well")
    func failureWithoutTransaction() async throws {
        let (ledger, _) = try await open()
        for reason in ["first", "second"] {
            await #expect(throws: Declined(reason: "first")) {
                try await ledger.idempotent(key: key, failures: Declined.self) { _, _ in throw Declined(reason: reason)
                }
            }
        }
    }

    @Test("A handler that touches no table has its result kept")
    func noStatement() async throws {
        let (ledger, _) = try await open()
        #expect(describe(try await ledger.outcome(key: key) { _, _ in 7 }) == "ran: 7")
        #expect(describe(try await ledger.outcome(key: key) { _, _ in 8 }) == "replayed: 7")
    }

    @Test("Scenario 38b: a run that lost its key takes its effect back, and says so")
    func zombie() async throws {
        let (ledger, effects) = try await open()
        let other = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        await expectError(.leaseLost) {
            try await ledger.idempotent(key: key) { transaction, _ in
                let found = try #require(try await other.load(key))
                _ = try await other.checkAndSet(key, expecting: found.version, .remove)
                try await transaction.enter(key)
                return 1
            }
        }
        #expect(try await effects.count(key) == 0)
        try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        #expect(try await effects.count(key) == 1)
    }

    @Test("Scenario 38b: a handler that does not end holds up no other key for longer than its limit, and is undone")
    func endless() async throws {
        let (ledger, effects) = try await open()
        let begun = AsyncStream.makeStream(of: Void.self)
        let endless = Task {
            defer { begun.continuation.finish() }
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                begun.continuation.finish()
                // Until long after its time: the next statement says so.
                while true { try await transaction.execute("UPDATE ledger SET amount = 2") }
            }
        }
        for await _ in begun.stream {}
        try await ledger.idempotent(key: Ledger.key("other")) { transaction, _ in
            try await transaction.enter(Ledger.key("other"))
        }
        await #expect(throws: SQLError.self) { try await endless.value }
        #expect(try await effects.count(key) == 0)
        #expect(try await effects.count(Ledger.key("other")) == 1)
    }

    @Test("A statement that does not end is interrupted when the transaction's time is over")
    func endlessStatement() async throws {
        let (ledger, effects) = try await open()
        await #expect(throws: SQLError.self) {
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                _ = try await transaction.query(
                    """
                    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 60000000)
                    SELECT count(*) FROM number
                    """
                )
                Issue.record("it was not interrupted")
            }
        }
        #expect(try await effects.count(key) == 0)
        try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        #expect(try await effects.count(key) == 1)
    }

    @Test(
        "A shutdown and a closing in the middle of a handler: what is answered is what is there",
        arguments: [false, true]
    )
    func closedMeanwhile(isStore: Bool) async throws {
        let (ledger, effects) = try await open()
        let value = try? await ledger.idempotent(key: key) { transaction, _ in
            try await transaction.enter(key)
            if isStore {
                let closing = Task { await effects.store.close() }
                try await transaction.enter(Ledger.key("other"))
                _ = closing
            } else {
                #expect(await ledger.interceptor.shutdown(within: .zero) == 1)
            }
            return 1
        }
        let store = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        #expect(try await Ledger(store).count(key) == (value == nil ? 0 : 1))
        let again = try await TransactionalInterceptor(store: store).outcome(key: key) { _, _ in 2 }
        #expect(describe(again) == (value == nil ? "ran: 2" : "replayed: 1"))
    }

    @Test(
        "A statement that begins, commits or rolls back is refused, and the effect stays one",
        arguments: [
            "COMMIT", "  commit", "-- a comment\nCOMMIT", "/* a */ END TRANSACTION", "ROLLBACK", "BEGIN",
            "RELEASE idempotency_effects", "ROLLBACK TO Idempotency_Effects", "ATTACH ':memory:' AS other",
        ] as [String]
    )
    func refused(_ sql: String) async throws {
        let (ledger, effects) = try await open()
        await #expect(throws: Mishap.self) {
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                do {
                    try await transaction.execute("\(raw: sql)")
                    Issue.record("it was not refused")
                } catch is SQLError {}
                throw Mishap()
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test("A savepoint of the handler's own is its own matter")
    func savepoint() async throws {
        let (ledger, effects) = try await open()
        try await ledger.idempotent(key: key) { transaction, _ in
            try await transaction.enter(key)
            try await transaction.execute("SAVEPOINT mine")
            try await transaction.enter(key)
            try await transaction.execute("ROLLBACK TO mine")
        }
        #expect(try await effects.count(key) == 1)
    }

    @Test("What a statement makes SQLite undo stays undone: nothing after it is committed by itself")
    func undoneBySQLite() async throws {
        let (ledger, effects) = try await open()
        try await effects.write("CREATE TABLE single (id INTEGER PRIMARY KEY)")
        try await effects.write("INSERT INTO single VALUES (1)")
        await #expect(throws: SQLError.self) {
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                _ = try? await transaction.execute("INSERT OR ROLLBACK INTO single VALUES (1)")
                try await transaction.enter(key)
            }
        }
        await expectError(.storeUnavailable) {
            try await ledger.idempotent(key: Ledger.key("two")) { transaction, _ in
                try await transaction.enter(key)
                _ = try? await transaction.execute("INSERT OR ROLLBACK INTO single VALUES (1)")
                return 1
            }
        }
        #expect(try await effects.count(key) == 0)
        try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        #expect(try await effects.count(key) == 1)
    }

    @Test("A renewal that is due while the transaction is open waits for it, and not the other way round")
    func renewal() async throws {
        let store = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        let effects = try await Ledger(store)
        let policy = try OperationPolicy(lease: .milliseconds(240))
        let ledger = TransactionalInterceptor(store: store, policy: policy, transactionLimit: .seconds(10))
        for number in 0..<3 {
            let key = Ledger.key("key \(number)")
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                // Due after a third of the lease.
                try await Task.sleep(for: .milliseconds(120))
                try await transaction.execute("UPDATE ledger SET amount = 2 WHERE key = \(key.value)")
            }
            #expect(try await effects.count(key) == 1)
        }
    }

    @Test("Steps are committed one by one: a run again skips those that are, and undoes nothing of them")
    func steps() async throws {
        let (ledger, effects) = try await open()
        let (first, second) = (Ledger.key("first"), Ledger.key("second"))
        for attempt in 1...2 {
            let amount = try? await ledger.idempotent(key: key) { transaction, execution in
                let amount = try await execution.step("first") { transaction in
                    try await transaction.enter(first)
                    return 40 + attempt
                }
                if attempt == 1 { throw Mishap() }
                try await execution.step("second") { transaction in try await transaction.enter(second) }
                try await transaction.enter(key)
                return amount
            }
            #expect(amount == (attempt == 1 ? nil : 41))
        }
        for key in [first, second, key] { #expect(try await effects.count(key) == 1) }
    }

    @Test("A step that fails leaves nothing, and may be taken by the next run")
    func failedStep() async throws {
        let (ledger, effects) = try await open()
        for attempt in 1...2 {
            _ = try? await ledger.idempotent(key: key) { _, execution in
                try await execution.step("only") { transaction in
                    try await transaction.enter(key)
                    if attempt == 1 { throw Mishap() }
                }
            }
            #expect(try await effects.count(key) == attempt - 1)
        }
    }

    @Test("A step within the handler's open transaction is refused, rather than waiting for it")
    func nestedStep() async throws {
        let (ledger, effects) = try await open()
        await expectError(.invalidConfiguration) {
            try await ledger.idempotent(key: key) { transaction, execution in
                try await transaction.enter(key)
                try await execution.step("late") { transaction in try await transaction.enter(key) }
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test("A transaction that outlives its handler can do nothing any more")
    func escaped() async throws {
        let (ledger, _) = try await open()
        var escaped: SQLTransaction?
        try await ledger.idempotent(key: key) { transaction, _ in
            try await transaction.enter(key)
            escaped = transaction
        }
        let transaction = try #require(escaped)
        await #expect(throws: SQLError.self) { try await transaction.enter(key) }
    }

    @Test(
        "Without protection, the handler still runs in one transaction",
        arguments: [OperationPolicy.Mode.off, .observeOnly]
    )
    func unprotected(_ mode: OperationPolicy.Mode) async throws {
        let (ledger, effects) = try await open()
        let open = ledger.applying(try OperationPolicy(mode: mode))
        for _ in 1...2 {
            try await open.idempotent(key: key) { transaction, execution in
                try await execution.step("step") { transaction in try await transaction.enter(key) }
                try await transaction.enter(key)
            }
        }
        #expect(try await effects.count(key) == 4)
        await #expect(throws: Mishap.self) {
            try await open.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                throw Mishap()
            }
        }
        #expect(try await effects.count(key) == 4)
    }

    @Test("100 callers of 10 keys at once: each effect is there once")
    func manyAtOnce() async throws {
        let (ledger, effects) = try await open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let key = Ledger.key("key \(number % 10)")
                    let amount = try await ledger.idempotent(key: key) { transaction, _ in
                        try await transaction.enter(key, number % 10)
                        return number % 10
                    }
                    #expect(amount == number % 10)
                }
            }
            try await group.waitForAll()
        }
        for number in 0..<10 { #expect(try await effects.count(Ledger.key("key \(number)")) == 1) }
    }

    @Test("A result over the limit leaves a tombstone, and its effect once")
    func tooLarge() async throws {
        let (ledger, effects) = try await open()
        let small = ledger.applying(try OperationPolicy(maximumResultSize: 10))
        let value = try await small.idempotent(key: key) { transaction, _ in
            try await transaction.enter(key)
            return String(repeating: "x", count: 100)
        }
        #expect(value.count == 100)
        await expectError(.resultNotKept) { try await small.idempotent(key: key) { _, _ in "again" } }
        #expect(try await effects.count(key) == 1)
    }
}

extension IdempotencyStatus {
    fileprivate var isDone: Bool { if case .done = self { true } else { false } }
}
#endif
