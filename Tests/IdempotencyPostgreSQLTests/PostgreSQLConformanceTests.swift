#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import IdempotencyTesting
import Testing

/// A server's clock cannot be moved: time passes by itself. So the checks of a suite run one after the other.
private func check(_ check: StoreConformanceCheck, _ options: PostgreSQLOptions) async throws {
    try await StoreConformanceCheck.withGrowingTick { tick in try await run(check, options, tick) }
}

private func run(_ check: StoreConformanceCheck, _ options: PostgreSQLOptions, _ tick: Duration) async throws {
    let table = try Server.freshTable()
    @Sendable func open() async throws -> PostgreSQLIdempotencyStore {
        // A purge that leaves everything alone for a minute would keep a check for as long.
        try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options, grace: tick / 2)
    }
    let store = try await open()
    let another = try await open()
    let subject = StoreUnderTest(
        store,
        another: another,
        tick: tick,
        rounds: 20,
        reopen: {
            await store.close()
            return try await open()
        },
        advanceTime: { try await Task.sleep(for: $0) }
    )
    try await check.run(on: subject)
    await store.close()
    await another.close()
}

@Suite("The PostgreSQL store keeps every rule of the protocol", .serialized, .timeLimit(.minutes(10)))
struct PostgreSQLConformanceTests {
    @Test("Rule by rule", arguments: StoreConformanceCheck.allCases)
    func rules(_ rule: StoreConformanceCheck) async throws {
        try await check(rule, .patient)
    }
}

@Suite("The PostgreSQL store keeps every rule behind a pooler, too", .serialized, .timeLimit(.minutes(10)))
struct PostgreSQLPooledConformanceTests {
    @Test("Rule by rule, without sessions", arguments: StoreConformanceCheck.allCases)
    func rules(_ rule: StoreConformanceCheck) async throws {
        var options = PostgreSQLOptions.patient
        options.preparesStatements = false
        try await check(rule, options)
    }
}
#endif
