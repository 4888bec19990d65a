import Idempotency
import IdempotencyTesting
import Testing

@Suite("Each conformance check finds the store that breaks its rule", .timeLimit(.minutes(5)))
struct BrokenStoreTests {
    private func subject(_ flaw: StoreConformanceCheck?) -> StoreUnderTest {
        let clock = ManualClock()
        let store = ToyStore(flaw, clock, capacity: 300)
        return StoreUnderTest(
            store,
            another: flaw == .loadSeesEveryAcknowledgedWrite ? StaleReplica(store) : store,
            capacity: 300,
            reopen: {
                store.restart()
                return store
            },
            stepClock: { clock.step(by: $0) },
            advanceTime: { clock.advance(by: $0) }
        )
    }

    @Test("A store without a flaw passes", arguments: StoreConformanceCheck.allCases)
    func honest(_ check: StoreConformanceCheck) async throws {
        try await check.run(on: subject(nil))
    }

    @Test("A store that breaks the rule fails, and is told which rule", arguments: StoreConformanceCheck.allCases)
    func broken(_ check: StoreConformanceCheck) async throws {
        let violation = await #expect(throws: ConformanceViolation.self) { try await check.run(on: subject(check)) }
        #expect(violation?.check == check)
        #expect(violation.map { "\($0)".hasPrefix(check.rule) } ?? false)
    }
}
