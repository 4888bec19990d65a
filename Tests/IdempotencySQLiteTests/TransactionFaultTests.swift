#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import TestSupport
import Testing

@Suite("Transactions that the database undoes, or says nothing about", .timeLimit(.minutes(10)))
struct TransactionFaultTests {
    private let key = Ledger.key("one")

    private func open(
        _ faults: [FaultySessions.Fault],
        _ policy: OperationPolicy = .standard
    ) async throws -> (TransactionalInterceptor, FaultySessions, Ledger) {
        let store = try await SQLiteIdempotencyStore(path: ":memory:")
        let effects = try await Ledger(store)
        let sessions = FaultySessions(store, faults)
        return (TransactionalInterceptor(store: sessions, policy: policy, maximumTries: 4), sessions, effects)
    }

    @Test(
        "A handler runs again where another transaction had to pass, and its effect is there once",
        arguments: [FaultySessions.Fault.deadlockAtStatement, .serializationFailureAtCommit]
    )
    func repeated(_ fault: FaultySessions.Fault) async throws {
        let (ledger, sessions, effects) = try await open([fault, fault, fault])
        let value = try await ledger.idempotent(key: key) { transaction, execution in
            try await transaction.enter(key)
            return execution.attempt
        }
        #expect(value == 1)
        #expect(sessions.begun == 4)
        #expect(try await effects.count(key) == 1)
    }

    @Test("A final failure that comes of a deadlock is no answer for good: the handler runs again")
    func hiddenInFailure() async throws {
        let (ledger, sessions, effects) = try await open([.deadlockAtStatement])
        try await ledger.idempotent(key: key, failures: Declined.self) { transaction, _ in
            do {
                try await transaction.enter(key)
            } catch {
                throw Declined(reason: "cannot be booked")
            }
        }
        #expect(sessions.begun == 2)
        #expect(try await effects.count(key) == 1)
    }

    @Test("A final failure whose transaction is undone is decided again: what it was decided on is undone as well")
    func failureUndone() async throws {
        let (ledger, sessions, effects) = try await open([.serializationFailureAtCommit])
        let calls = Counter()
        try await ledger.idempotent(key: key, failures: Declined.self) { transaction, _ in
            try await transaction.enter(key)
            if calls.add() == 1 { throw Declined(reason: "nothing left") }
        }
        #expect(sessions.begun == 2)
        #expect(try await effects.count(key) == 1)
    }

    @Test("A final failure that cannot be committed is left to the next call, and thrown to nobody")
    func failureWithoutRoom() async throws {
        let (ledger, _, effects) = try await open([.fullAtCommit])
        await #expect(throws: SQLError.self) {
            try await ledger.idempotent(key: key, failures: Declined.self) { transaction, _ in
                try await transaction.enter(key)
                throw Declined(reason: "nothing left")
            }
        }
        try await ledger.idempotent(key: key, failures: Declined.self) { transaction, _ in
            try await transaction.enter(key)
        }
        #expect(try await effects.count(key) == 1)
    }

    @Test(
        "A step's final failure is believed once its reads are committed, and the step is taken again if they are not"
    )
    func stepFailureUndone() async throws {
        let (ledger, sessions, effects) = try await open([.serializationFailureAtCommit])
        let calls = Counter()
        try await ledger.idempotent(key: key, failures: Declined.self) { _, execution in
            try await execution.step("book") { transaction in
                try await transaction.enter(key)
                if calls.add() == 1 { throw Declined(reason: "nothing left") }
            }
        }
        #expect(sessions.begun >= 2)
        #expect(try await effects.count(key) == 1)
    }

    @Test("A handler that hides the database's error runs again all the same")
    func hidden() async throws {
        let (ledger, sessions, effects) = try await open([.deadlockAtStatement])
        try await ledger.idempotent(key: key) { transaction, _ in
            do {
                try await transaction.enter(key)
            } catch {
                throw Mishap()
            }
        }
        #expect(sessions.begun == 2)
        #expect(try await effects.count(key) == 1)
    }

    @Test(
        "Not without end: then the caller has the database's error, nothing is there, and the next call runs",
        arguments: [FaultySessions.Fault.deadlockAtStatement, .serializationFailureAtCommit]
    )
    func bounded(_ fault: FaultySessions.Fault) async throws {
        let (ledger, sessions, effects) = try await open([fault, fault, fault, fault])
        await #expect(throws: SQLError.self) {
            try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        }
        #expect(sessions.begun == 4)
        #expect(try await effects.count(key) == 0)
        try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        #expect(try await effects.count(key) == 1)
    }

    @Test("A step is repeated as well, alone")
    func repeatedStep() async throws {
        let (ledger, _, effects) = try await open([.none, .serializationFailureAtCommit, .deadlockAtStatement])
        var runs = 0
        try await ledger.idempotent(key: key) { transaction, execution in
            runs += 1
            for name in ["first", "second"] {
                try await execution.step(name) { transaction in try await transaction.enter(Ledger.key(name)) }
            }
            try await transaction.enter(key)
        }
        #expect(runs == 1)
        for key in [key, Ledger.key("first"), Ledger.key("second")] { #expect(try await effects.count(key) == 1) }
    }

    @Test(
        "A handler that runs again skips the steps that it has taken",
        arguments: [FaultySessions.Fault.deadlockAtStatement, .serializationFailureAtCommit]
    )
    func repeatedAfterStep(_ fault: FaultySessions.Fault) async throws {
        let (ledger, _, effects) = try await open([.none, fault])
        let first = Ledger.key("first")
        try await ledger.idempotent(key: key) { transaction, execution in
            try await execution.step("first") { transaction in try await transaction.enter(first) }
            try await transaction.enter(key)
        }
        #expect(try await effects.count(first) == 1)
        #expect(try await effects.count(key) == 1)
    }

    @Test("A run that is not sure of its record looks before its transaction is open, which nobody's look gets past")
    func uncertain() async throws {
        let (ledger, _, effects) = try await open([.replyLost])
        let first = Ledger.key("first")
        try await ledger.idempotent(key: key) { transaction, execution in
            // It is there, and the handler takes no notice of what is said.
            try? await execution.step("first") { transaction in try await transaction.enter(first) }
            try await transaction.enter(key)
        }
        #expect(try await effects.count(first) == 1)
        #expect(try await effects.count(key) == 1)
    }

    @Test("Attempts that may have taken a step are not said to have had no effect")
    func exhaustedAfterUnknownStep() async throws {
        let policy = try OperationPolicy(lease: .milliseconds(1500), maximumAttempts: 1)
        let (ledger, _, effects) = try await open([.replyLost], policy)
        await expectError(.resultNotSaved) {
            try await ledger.idempotent(key: key) { _, execution in
                try await execution.step("first") { transaction in try await transaction.enter(key) }
            }
        }
        #expect(try await effects.count(key) == 1)
        let error = await #expect(throws: IdempotencyError.self) {
            try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        }
        #expect(error?.code == .attemptsExhausted)
        #expect(error?.message.contains("None of the attempts took effect") == false)
    }

    @Test("Scenario 38: nobody says whether it was committed: the caller is told so, and the next call learns it")
    func replyLost() async throws {
        let (ledger, _, effects) = try await open([.replyLost])
        await expectError(.resultNotSaved) {
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                return "first"
            }
        }
        let outcome = try await ledger.outcome(key: key) { transaction, _ in
            try await transaction.enter(key)
            return "second"
        }
        #expect(describe(outcome) == "replayed: first")
        #expect(try await effects.count(key) == 1)
    }

    @Test("Scenario 38: nobody says that it was undone: nothing is released before its lease, and then it runs again")
    func undoneSilently() async throws {
        let policy = try OperationPolicy(lease: .milliseconds(1500))
        let (ledger, _, effects) = try await open([.undoneSilently], policy)
        await expectError(.resultNotSaved) {
            try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        }
        let impatient = ledger.applying(try OperationPolicy(lease: .milliseconds(1500), waitLimit: .zero))
        await expectError(.inProgress) { try await impatient.idempotent(key: key) { _, _ in } }
        try await ledger.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
        #expect(try await effects.count(key) == 1)
    }

    @Test("A step of which nobody says whether it was committed ends the run; the next one goes on from what is there")
    func unknownStep() async throws {
        let policy = try OperationPolicy(lease: .milliseconds(1500))
        let (ledger, _, effects) = try await open([.replyLost], policy)
        for attempt in 1...2 {
            let run: () async throws -> Void = {
                try await ledger.idempotent(key: key) { transaction, execution in
                    try await execution.step("step") { transaction in try await transaction.enter(key) }
                }
            }
            if attempt == 1 { await expectError(.resultNotSaved, run) } else { try await run() }
        }
        #expect(try await effects.count(key) == 1)
    }

    @Test("A view with another policy has that policy's limit for transactions, unless one was asked for")
    func limits() async throws {
        let store = try await SQLiteIdempotencyStore(path: ":memory:")
        _ = try await Ledger(store)
        let short = try OperationPolicy(lease: .milliseconds(300))
        for (asked, expected) in [(nil, Duration.milliseconds(100)), (.milliseconds(700), .milliseconds(700))]
            as [(Duration?, Duration)]
        {
            let sessions = FaultySessions(store, [])
            let ledger = TransactionalInterceptor(store: sessions, transactionLimit: asked).applying(short)
            try await ledger.transaction { try await $0.execute("UPDATE ledger SET amount = 1") }
            #expect(sessions.lastLimit == expected)
        }
    }
}
#endif
