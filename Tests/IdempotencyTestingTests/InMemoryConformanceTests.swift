import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import Testing

@Suite("The in-memory store keeps every rule of the protocol", .timeLimit(.minutes(1)))
struct InMemoryConformanceTests {
    @Test("Rule by rule", arguments: StoreConformanceCheck.allCases)
    func conforms(_ check: StoreConformanceCheck) async throws {
        let clock = ManualClock()
        let store = InMemoryIdempotencyStore(clock: clock)
        try await check.run(on: StoreUnderTest(store) { clock.advance(by: $0) })
    }
}
