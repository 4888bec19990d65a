import Idempotency
import IdempotencyInMemory
import Testing

@Suite("The keeper of leases has a thread of its own", .timeLimit(.minutes(10)))
struct StarvationTests {
    @Test("Handlers that keep every thread of the pool busy cannot starve the renewal of their leases")
    func busyHandlers() async throws {
        // Counted without a lock: the spinning handlers would keep the keeper from it.
        let renewals = Counter()
        let log = EventLog { if $0 == .renewed { renewals.add() } }
        let interceptor = IdempotencyInterceptor(
            store: InMemoryIdempotencyStore(),
            policy: try OperationPolicy(lease: .milliseconds(300)),
            observer: log
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            // More than the pool has threads: whoever runs spins until leases have been renewed beside it.
            for task in 0..<32 {
                group.addTask {
                    try await interceptor.idempotent(key: key("busy-\(task)")) { _ in
                        // From its own beginning: other tests may have kept the pool until then.
                        let giveUp = ContinuousClock.now.advanced(by: .seconds(20))
                        while renewals.value < 2, ContinuousClock.now < giveUp {}
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(renewals.value >= 2)
        #expect(log.count(.leaseLost) == 0)
    }
}
