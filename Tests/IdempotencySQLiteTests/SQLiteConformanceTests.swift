#if SQLite
import Idempotency
import IdempotencySQLite
import IdempotencyTesting
import Testing

@Suite("The SQLite store keeps every rule of the protocol", .timeLimit(.minutes(10)))
struct SQLiteConformanceTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()
    private let start: ManualClock.Instant

    init() {
        start = clock.now
    }

    private func open(_ path: String) async throws -> SQLiteIdempotencyStore {
        try await SQLiteIdempotencyStore(path: path) { [clock, start] in
            1_795_000_000_000_000 + start.duration(to: clock.now).nanoseconds / 1000
        }
    }

    @Test(
        "Rule by rule, in a file that two stores have open and that is opened again",
        arguments: StoreConformanceCheck.allCases
    )
    func file(_ check: StoreConformanceCheck) async throws {
        let path = folder.path("keys.db")
        let store = try await open(path)
        let subject = StoreUnderTest(
            store,
            another: try await open(path),
            rounds: 50,
            reopen: {
                await store.close()
                return try await open(path)
            },
            stepClock: { clock.step(by: $0) },
            advanceTime: { clock.advance(by: $0) }
        )
        try await check.run(on: subject)
    }

    @Test("Rule by rule, in memory", arguments: StoreConformanceCheck.allCases)
    func memory(_ check: StoreConformanceCheck) async throws {
        let subject = StoreUnderTest(
            try await open(":memory:"),
            rounds: 50,
            stepClock: { clock.step(by: $0) },
            advanceTime: { clock.advance(by: $0) }
        )
        try await check.run(on: subject)
    }
}
#endif
