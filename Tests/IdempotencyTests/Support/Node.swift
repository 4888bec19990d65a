import IdempotencyInMemory
import IdempotencyTesting
import TestSupport

@testable import Idempotency

/// A process of a service: an interceptor with its own way to a store that several nodes share, on one manual clock.
struct Node: Sendable {
    let clock: ManualClock
    let memory: any WakingIdempotencyStore
    let store: FaultyStore
    let log: EventLog
    /// Runs the interceptor's own tasks: timers, renewals, handlers in a task of their own.
    let executor = TrackingExecutor()
    let interceptor: IdempotencyInterceptor

    /// The first node, with an empty store.
    init(_ policy: OperationPolicy = .standard, capacity: Int = 100_000) {
        let clock = ManualClock()
        self.init(policy, clock, InMemoryIdempotencyStore(clock: clock, capacity: capacity), seed: 1)
    }

    /// Another node on the same store. It reads the store by polling only, unless it is told to be woken.
    func another(_ policy: OperationPolicy? = nil, seed: UInt64 = 2, isWoken: Bool = false) -> Node {
        Node(policy ?? interceptor.policy, clock, memory, seed: seed, isWoken: isWoken)
    }

    private init(
        _ policy: OperationPolicy,
        _ clock: ManualClock,
        _ memory: any WakingIdempotencyStore,
        seed: UInt64,
        isWoken: Bool = false
    ) {
        self.clock = clock
        self.memory = memory
        let store = FaultyStore(memory)
        self.store = store
        // The store of a process that could not save its result is back right afterwards.
        log = EventLog { if $0 == .unsaved { store.revive() } }
        interceptor = IdempotencyInterceptor(
            store: isWoken ? memory : store,
            policy: policy,
            observer: log,
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: executor,
                random: SeededGenerator(seed: seed)
            )
        )
    }
}

extension Node {
    /// Runs a handler that waits at the gate. Returns once the key is claimed.
    func run(
        _ key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        until gate: Gate,
        returning value: String = "A"
    ) async -> Task<IdempotentOutcome<String>, any Error> {
        let claims = log.count(.claimed)
        let task = interceptor.start(key, fingerprint: fingerprint) { _ in
            await gate.pass()
            return value
        }
        await log.wait(for: .claimed, count: claims + 1)
        return task
    }
}

/// Random numbers that a seed determines.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

func key(_ value: String = "k-1", _ operation: String = "charge") -> IdempotencyKey {
    try! IdempotencyKey(operation: operation, value: value)
}

extension IdempotencyInterceptor {
    /// A call in a task of its own, to be awaited later. It runs where the interceptor's tasks do, so that a test can wait until
    /// all of them are idle.
    func start(
        _ key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        _ handler: @escaping @Sendable (IdempotentExecution) async throws -> String
    ) -> Task<IdempotentOutcome<String>, any Error> {
        Task(executorPreference: engine.runtime.executor) {
            try await outcome(key: key, fingerprint: fingerprint, handler: handler)
        }
    }
}

extension IdempotentOutcome where Value: Equatable {
    func isRun(_ value: Value) -> Bool { if case .ran(value) = self { true } else { false } }
    func isReplay(_ value: Value) -> Bool { if case .replayed(value) = self { true } else { false } }
}

extension IdempotentOutcome {
    var isInProgress: Bool { if case .inProgress = self { true } else { false } }
    var unknownReason: UnknownReason? { if case .unknown(let outcome) = self { outcome.reason } else { nil } }
}

struct Boom: Error, Equatable {}

/// The code that a call is refused with; `nil` if it is not refused by the library.
func refusal(_ body: () async throws -> Void) async -> IdempotencyError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? IdempotencyError)?.code
    }
}
