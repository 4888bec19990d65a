import Idempotency
import IdempotencyTesting

/// Runs every check on the store of the article "Writing a store", which says that it keeps them.
@main
struct SketchStoreRun {
    static func main() async throws {
        for check in StoreConformanceCheck.allCases {
            let clock = ManualClock()
            let subject = StoreUnderTest(
                SketchStore(clock: clock),
                stepClock: { clock.step(by: $0) },
                advanceTime: { clock.advance(by: $0) }
            )
            try await check.run(on: subject)
        }
    }
}
