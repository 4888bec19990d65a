#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import IdempotencyTesting
import Testing

@Suite("The PostgreSQL store keeps every rule of the protocol", .serialized, .timeLimit(.minutes(10)))
struct PostgreSQLConformanceTests {
    private static let tick: Duration = .milliseconds(300)

    private func check(_ check: StoreConformanceCheck, _ options: PostgreSQLOptions) async throws {
        let table = try Server.freshTable()
        // The server's clock cannot be moved, and a purge that waits for a minute would keep a check for as long.
        @Sendable func open() async throws -> PostgreSQLIdempotencyStore {
            try await PostgreSQLIdempotencyStore(
                Server.connectionString,
                table: table,
                options: options,
                grace: Self.tick / 2
            )
        }
        let store = try await open()
        let another = try await open()
        let subject = StoreUnderTest(
            store,
            another: another,
            tick: Self.tick,
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

    @Test("Rule by rule", arguments: StoreConformanceCheck.allCases)
    func rules(_ check: StoreConformanceCheck) async throws {
        try await self.check(check, PostgreSQLOptions())
    }

    @Test("Rule by rule, as behind a pooler of transactions", arguments: StoreConformanceCheck.allCases)
    func rulesWithoutSessions(_ check: StoreConformanceCheck) async throws {
        var options = PostgreSQLOptions()
        options.preparesStatements = false
        try await self.check(check, options)
    }
}
#endif
