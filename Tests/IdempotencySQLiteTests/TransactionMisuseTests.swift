#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Testing

@Suite("Transactions of one handler that would wait for each other", .timeLimit(.minutes(10)))
struct TransactionMisuseTests {
    private let folder = TemporaryFolder()
    private let key = Ledger.key("one")

    private func open() async throws -> (TransactionalInterceptor, Ledger) {
        let store = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        return (TransactionalInterceptor(store: store), try await Ledger(store))
    }

    @Test("A step within a step is refused, rather than waiting for it")
    func stepInStep() async throws {
        let (ledger, effects) = try await open()
        await expectError(.invalidConfiguration) {
            try await ledger.idempotent(key: key) { _, execution in
                try await execution.step("outer") { transaction in
                    try await transaction.enter(key)
                    try await execution.step("inner") { transaction in try await transaction.enter(key) }
                }
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test(
        "The handler's own transaction within a step is refused, rather than waiting for it",
        arguments: [false, true]
    )
    func handlersTransactionInStep(_ hasBegun: Bool) async throws {
        let (ledger, effects) = try await open()
        await expectError(.invalidConfiguration) {
            try await ledger.idempotent(key: key) { outer, execution in
                try await execution.step("step") { inner in
                    if hasBegun { try await inner.enter(key) }
                    try await outer.enter(key)
                }
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test("The key of the handler that is running is refused within it, from this interceptor and from another")
    func sameKey() async throws {
        let (ledger, effects) = try await open()
        let other = TransactionalInterceptor(store: effects.store)
        for inner in [ledger, other] {
            await expectError(.recursiveCall) {
                try await ledger.idempotent(key: key) { transaction, _ in
                    try await transaction.enter(key)
                    try await inner.idempotent(key: key) { transaction, _ in try await transaction.enter(key) }
                }
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test("Another key within a handler on SQLite ends, and what is reported is what is there")
    func otherKey() async throws {
        let (ledger, effects) = try await open()
        let other = Ledger.key("other")
        let value = try? await ledger.idempotent(key: key) { transaction, _ in
            try await transaction.enter(key)
            return try await ledger.idempotent(key: other) { transaction, _ in
                try await transaction.enter(other)
                return 1
            }
        }
        #expect(try await effects.count(key) == (value == nil ? 0 : 1))
        let again = try await ledger.outcome(key: other) { transaction, _ in
            try await transaction.enter(other)
            return 2
        }
        #expect(try await effects.count(other) == 1, "\(describe(again))")
    }

    @Test("Two tasks of one actor that use a handler's transaction at once have one transaction")
    func twoTasks() async throws {
        let (ledger, effects) = try await open()
        let service = Service(ledger: ledger)
        for number in 0..<20 {
            let key = Ledger.key("key \(number)")
            do {
                try await service.enterTwice(key)
                #expect(try await effects.count(key) == 2)
            } catch is SQLError {
                #expect(try await effects.count(key) == 0)
            }
        }
    }

    @Test("A transaction that was never begun can do nothing either, once its handler has returned")
    func neverBegun() async throws {
        let (ledger, effects) = try await open()
        var escaped: SQLTransaction?
        try await ledger.idempotent(key: key) { transaction, _ in escaped = transaction }
        let transaction = try #require(escaped)
        await #expect(throws: SQLError.self) { try await transaction.enter(key) }
        #expect(try await effects.count(key) == 0)
    }

    private actor Service {
        let ledger: TransactionalInterceptor

        init(ledger: TransactionalInterceptor) { self.ledger = ledger }

        func enterTwice(_ key: IdempotencyKey) async throws {
            try await ledger.idempotent(key: key) { transaction, _ in
                let first = Task { try await self.enter(transaction, key) }
                let second = Task { try await self.enter(transaction, key) }
                try await first.value
                try await second.value
            }
        }

        private func enter(_ transaction: SQLTransaction, _ key: IdempotencyKey) async throws {
            try await transaction.enter(key)
        }
    }
}
#endif
