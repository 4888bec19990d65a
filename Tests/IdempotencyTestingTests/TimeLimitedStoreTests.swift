import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import Testing

@Suite("A way to a store that gives up in time", .timeLimit(.minutes(10)))
struct TimeLimitedStoreTests {
    /// Answers nobody for an hour.
    private struct SlowStore: IdempotencyStore {
        let clock: ManualClock

        nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
            try await clock.sleep(for: .seconds(3600))
            return nil
        }

        nonisolated(nonsending) func checkAndSet(
            _ key: IdempotencyKey,
            expecting expected: RecordVersion?,
            _ change: RecordChange
        ) async throws -> CheckAndSetResult {
            try await clock.sleep(for: .seconds(3600))
            return .conflict(nil)
        }
    }

    @Test("A store that does not answer is given up, and the caller is told")
    func givesUp() throws {
        let (code, _) = try Simulation.run(seed: 1) { simulation in
            let store = TimeLimitedStore(
                SlowStore(clock: simulation.clock),
                limit: .seconds(2),
                clock: simulation.clock,
                executor: simulation.executor
            )
            let key = try IdempotencyKey(operation: "charge", value: "k")
            let start = simulation.clock.now
            await #expect(throws: TimeLimitedStore.TimedOut.self) { try await store.load(key) }
            #expect(start.duration(to: simulation.clock.now) == .seconds(2))
            let interceptor = IdempotencyInterceptor(store: store, runtime: simulation.runtime(seed: 1))
            do {
                _ = try await interceptor.idempotent(key: key) { _ in 1 }
                return IdempotencyError.Code?.none
            } catch {
                return (error as? IdempotencyError)?.code
            }
        }
        #expect(code == .storeUnavailable)
    }

    @Test("A store that answers in time keeps every rule behind it", arguments: StoreConformanceCheck.allCases)
    func conforms(_ check: StoreConformanceCheck) async throws {
        let clock = ManualClock()
        let store = InMemoryIdempotencyStore(clock: clock)
        let limited = TimeLimitedStore(store, limit: .seconds(3600))
        try await check.run(on: StoreUnderTest(limited, another: store) { clock.advance(by: $0) })
    }
}
