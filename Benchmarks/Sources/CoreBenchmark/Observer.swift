import Figures
import Idempotency
import IdempotencyInMemory
import Synchronization

/// First calls that an observer counts. The raw limit is the same call without an observer.
struct Observer {
    private final class Counter: IdempotencyObserver {
        private let events = Atomic(0)
        var count: Int { events.load(ordering: .relaxed) }
        func observe(_ event: IdempotencyEvent) { events.wrappingAdd(1, ordering: .relaxed) }
    }

    func run() async throws {
        let workload = try Workload()
        try await Pair.measure("first call, with an observer", per: workload.count) {
            let counter = Counter()
            let unobserved = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
            let observed = IdempotencyInterceptor(store: InMemoryIdempotencyStore(), observer: counter)
            return (
                raw: { try await workload.fill(unobserved) },
                ours: {
                    try await workload.fill(observed)
                    precondition(counter.count >= workload.count)
                }
            )
        }
    }
}
