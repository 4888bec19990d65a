#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import IdempotencyTesting
import Testing

@Suite("A store over a client of one's own keeps every rule of the protocol", .timeLimit(.minutes(10)))
struct SQLClientConformanceTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()
    private let start: ManualClock.Instant

    init() {
        start = clock.now
    }

    private var time: @Sendable () -> Int64 {
        { [clock, start] in 1_795_000_000_000_000 + start.duration(to: clock.now).nanoseconds / 1000 }
    }

    private func open(_ path: String) async throws -> SQLIdempotencyStore {
        let store = SQLIdempotencyStore(try BareSQLiteClient(path), clock: time)
        try await store.migrate()
        return store
    }

    @Test("Rule by rule, in a file that the library's own store uses too", arguments: StoreConformanceCheck.allCases)
    func besideTheOwnStore(_ check: StoreConformanceCheck) async throws {
        let path = folder.path("keys.db")
        let own = try await SQLiteIdempotencyStore(path: path, clock: time)
        let subject = StoreUnderTest(
            try await open(path),
            another: own,
            rounds: 50,
            reopen: { try await open(path) },
            stepClock: { clock.step(by: $0) },
            advanceTime: { clock.advance(by: $0) }
        )
        try await check.run(on: subject)
        await own.close()
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
