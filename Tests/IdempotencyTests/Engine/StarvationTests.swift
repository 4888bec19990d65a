import Idempotency
import IdempotencyInMemory
import Synchronization
import Testing

@Suite("The keeper of leases has a thread of its own", .timeLimit(.minutes(10)))
struct StarvationTests {
    /// Counted without a lock: the spinning handlers would keep the keeper from it.
    private final class Renewals: Sendable {
        let count = Atomic(0)
    }

    @Test("Handlers that keep every thread of the pool busy cannot starve the renewal of their leases")
    func busyHandlers() async throws {
        let renewals = Renewals()
        let log = EventLog { if $0 == .renewed { renewals.count.add(1, ordering: .relaxed) } }
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
                        let giveUp = ContinuousClock.now.advanced(by: .seconds(60))
                        while renewals.count.load(ordering: .relaxed) < 2, ContinuousClock.now < giveUp {}
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(renewals.count.load(ordering: .relaxed) >= 2)
        #expect(log.count(.leaseLost) == 0)
    }
}
