import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import Testing

@Suite("The in-memory store keeps every rule of the protocol", .timeLimit(.minutes(10)))
struct InMemoryConformanceTests {
    @Test("Rule by rule", arguments: StoreConformanceCheck.allCases)
    func conforms(_ check: StoreConformanceCheck) async throws {
        let clock = ManualClock()
        let store = InMemoryIdempotencyStore(clock: clock, capacity: 5000)
        // A store that has been up for a while.
        clock.advance(by: .seconds(86400))
        let subject = StoreUnderTest(
            store,
            rounds: 1000,
            capacity: 5000,
            stepClock: { clock.step(by: $0) },
            advanceTime: { clock.advance(by: $0) }
        )
        try await check.run(on: subject)
    }
}
