#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import IdempotencyTesting
import ServerHarness
import Testing

@Suite("A PostgreSQL store under load", .serialized, .timeLimit(.minutes(10)))
struct PostgreSQLLoadTests {
    private static let rules: [StoreConformanceCheck] = [
        .leasesHoldInAFlood, .leasesHoldBesideHeldKeys, .leasesHoldBesideOperators, .waitersAreAnsweredInTime,
        .callsOfHeldKeysEnd,
    ]

    private func check(
        _ rule: StoreConformanceCheck,
        _ holdUp: @escaping @Sendable (PostgreSQLIdempotencyStore, SQLTable) -> ConformanceLoad.HoldUp
    ) async throws {
        try await StoreConformanceCheck.withGrowingTick { tick in
            let table = try Server.freshTable()
            var options = PostgreSQLOptions.patient
            options.lockTimeout = .seconds(1)
            let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options)
            let load = ConformanceLoad(
                maximumCalls: 20_000,
                callLimit: options.lockTimeout,
                holdUp: holdUp(store, table)
            )
            let subject = StoreUnderTest(store, tick: tick, load: load) { try await Task.sleep(for: $0) }
            #expect(rule.applies(to: subject))
            try await rule.run(on: subject)
            await store.close()
        }
    }

    @Test("Beside rows that another transaction has locked", arguments: rules)
    func lockedRows(_ rule: StoreConformanceCheck) async throws {
        try await check(rule) { _, table in
            { _, body in
                let other = try RawConnection()
                try other.run("BEGIN; SELECT * FROM \(table.quoted) FOR UPDATE")
                try await body()
                try other.run("ROLLBACK")
            }
        }
    }

    @Test("Beside handlers that keep their transactions open, more of them than there are connections")
    func handlers() async throws {
        try await check(.leasesHoldBesideHeldKeys) { store, _ in
            { _, body in
                try await beside(TransactionalInterceptor(store: store), callers: 60, for: .milliseconds(200), body)
            }
        }
    }

    /// Runs handlers that keep their transactions open, one after the other for each caller, until the body has ended.
    private func beside(
        _ interceptor: TransactionalInterceptor,
        callers: Int,
        for span: Duration,
        _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var round = 0
                    while !Task.isCancelled {
                        round += 1
                        let key = try IdempotencyKey(operation: "handlers", value: "\(caller)-\(round)")
                        // Those that wait too long are refused.
                        _ = try? await interceptor.idempotent(key: key) { transaction, _ in
                            try await transaction.execute("SELECT 1")
                            try await Task.sleep(for: span)
                        }
                    }
                }
            }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
#endif
