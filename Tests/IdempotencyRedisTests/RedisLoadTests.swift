#if Redis
import Idempotency
import IdempotencyRedis
import IdempotencyTesting
import Testing

@Suite("A Redis store under load", .serialized, .timeLimit(.minutes(10)))
struct RedisLoadTests {
    @Test(
        "In a flood, beside operators, and whoever waits",
        arguments: [StoreConformanceCheck.leasesHoldInAFlood, .leasesHoldBesideOperators, .waitersAreAnsweredInTime]
    )
    func load(_ rule: StoreConformanceCheck) async throws {
        try await StoreConformanceCheck.withGrowingTick { tick in
            let store = try await Server.store(try Server.client(), prefix: Server.freshPrefix())
            let subject = StoreUnderTest(store, tick: tick, load: ConformanceLoad()) { try await Task.sleep(for: $0) }
            #expect(rule.applies(to: subject))
            try await rule.run(on: subject)
            store.close()
        }
    }
}
#endif
