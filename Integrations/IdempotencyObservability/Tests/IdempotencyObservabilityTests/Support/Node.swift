import Idempotency
import IdempotencyInMemory
import IdempotencyObservability
import IdempotencyTesting

/// A process of a service: an interceptor on a clock and a store of its own, told of to a log and to whom is under test.
struct Node: Sendable {
    let clock = ManualClock()
    let memory: InMemoryIdempotencyStore
    let store: ErringStore
    let log = EventLog()
    let observer: any IdempotencyObserver
    let interceptor: IdempotencyInterceptor

    init(_ policy: OperationPolicy = .standard, tellingAlso observers: any IdempotencyObserver...) {
        memory = InMemoryIdempotencyStore(clock: clock)
        store = ErringStore(memory)
        // Those under test first: what the log has seen, they have.
        observer = ObserverGroup(observers + [log])
        interceptor = Self.interceptor(store, policy, observer, clock)
    }

    /// Another process on the same records, whose way to them is never disturbed.
    var another: IdempotencyInterceptor { Self.interceptor(memory, interceptor.policy, observer, clock) }

    private static func interceptor(
        _ store: any IdempotencyStore,
        _ policy: OperationPolicy,
        _ observer: any IdempotencyObserver,
        _ clock: ManualClock
    ) -> IdempotencyInterceptor {
        IdempotencyInterceptor(
            store: store,
            policy: policy,
            observer: observer,
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: globalConcurrentExecutor,
                random: SystemRandomNumberGenerator()
            )
        )
    }

    /// Runs a handler that waits at the gate. Returns once it is entered.
    func run(_ key: IdempotencyKey, until gate: Gate) async -> Task<IdempotentOutcome<String>, any Error> {
        let isInside = Gate()
        let task = Task {
            try await interceptor.outcome(key: key) { _ in
                isInside.open()
                await gate.pass()
                return Secret.marker
            }
        }
        await isInside.pass()
        return task
    }
}
