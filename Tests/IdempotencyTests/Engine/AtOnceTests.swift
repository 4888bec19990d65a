import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@testable import Idempotency

/// The in-memory store answers without waiting, and the engine spends no suspension on it. `FaultyStore` hides that, so
/// the other suites look at the general path; these look at both.
@Suite("A store that answers at once", .timeLimit(.minutes(10)))
struct AtOnceTests {
    /// One interceptor, straight on the in-memory store or through a wrapper that answers later.
    private struct Subject {
        let clock = ManualClock()
        let store: InMemoryIdempotencyStore
        let log = EventLog()
        let interceptor: IdempotencyInterceptor

        init(
            isWrapped: Bool = false,
            capacity: Int = 1000,
            executor: any TaskExecutor = globalConcurrentExecutor
        ) {
            store = InMemoryIdempotencyStore(
                clock: clock,
                capacity: capacity,
                firstVersion: RecordVersion(rawValue: 1000)
            )
            interceptor = IdempotencyInterceptor(
                store: isWrapped ? FaultyStore(store) : store,
                observer: log,
                runtime: IdempotencyRuntime(clock: clock, executor: executor, random: SeededGenerator(seed: 1))
            )
        }

        /// A random call, and what it came to.
        func call(_ random: inout SeededGenerator) async -> String {
            let key = key("k-\(Int.random(in: 0..<4, using: &random))")
            let payload: UInt8? = [nil, 1, 1, 2].randomElement(using: &random)!
            let fingerprint = payload.map { Fingerprint(bytes: [$0]) }
            let lapse = [OperationPolicy.LapseHandling.rerun, .rerun, .refuse].randomElement(using: &random)!
            let policy = try! OperationPolicy(
                lease: .seconds(10),
                maximumRunTime: .seconds(10),
                retention: .seconds(60),
                abandonmentRetention: .seconds(90),
                waitLimit: .zero,
                lapse: lapse,
                maximumAttempts: [nil, 2].randomElement(using: &random)!,
                maximumResultSize: [100, 3].randomElement(using: &random)!
            )
            let interceptor = interceptor.applying(policy)
            let handling = Int.random(in: 0..<8, using: &random)
            let clock = clock
            do {
                let outcome = try await interceptor.outcome(
                    key: key,
                    fingerprint: fingerprint,
                    failures: CardError.self
                ) { execution -> String in
                    switch handling {
                    case 0: throw Boom()
                    case 1: throw CardError.declined(reason: "no", code: 7)
                    case 2: throw EffectDidNotHappen(Boom())
                    case 3: _ = try await execution.step("first") { "step" }
                    case 4:
                        // Takes longer than its lease, and another call of the key comes in between.
                        clock.advance(by: .seconds(11))
                        // A task that knows nothing of this one, as another process would.
                        let other = IdempotencyInterceptor(store: store, policy: policy, runtime: runtime())
                        return try await Task.detached { try await other.idempotent(key: key) { _ in "B" } }.value
                    default: break
                    }
                    return "attempt \(execution.attempt), token \(String(describing: execution.token))"
                }
                return "\(outcome)"
            } catch {
                return "\(error)"
            }
        }

        /// Another process, always the same one.
        private func runtime() -> IdempotencyRuntime {
            IdempotencyRuntime(clock: clock, executor: Standstill(), random: SeededGenerator(seed: 99))
        }

        func records() async throws -> [String] {
            var records: [String] = []
            for index in 0..<4 { records.append("\(String(describing: try await store.load(key("k-\(index)"))))") }
            return records
        }
    }

    /// Runs nothing: no renewal comes in between, so that a run repeats exactly.
    private final class Standstill: TaskExecutor {
        private let jobs = Shared<[UnownedJob]>([])

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            jobs.update { $0.append(job) }
        }
    }

    @Test("Decides every call as one that answers later, with the same events and the same records", arguments: 1...40)
    func sameAnswers(_ seed: UInt64) async throws {
        let subjects = [false, true].map { Subject(isWrapped: $0, executor: Standstill()) }
        var randoms = [SeededGenerator(seed: seed), SeededGenerator(seed: seed)]
        for call in 1...60 {
            var outcomes: [String] = []
            for index in subjects.indices {
                outcomes.append(await subjects[index].call(&randoms[index]))
                if Int.random(in: 0..<6, using: &randoms[index]) == 0 {
                    subjects[index].clock.advance(by: .seconds([5, 12, 61].randomElement(using: &randoms[index])!))
                }
            }
            try #require(outcomes[0] == outcomes[1], "call \(call)")
            try #require(try await subjects[0].records() == subjects[1].records(), "call \(call)")
        }
        #expect(subjects[0].log.events.map(\.kind) == subjects[1].log.events.map(\.kind))
        #expect(subjects[0].log.count(.completed) > 0 && subjects[0].log.count(.replayed) > 0)
    }

    @Test("Whoever joins its flight waits for it, is refused, or is told of another payload")
    func followers() async throws {
        let subject = Subject()
        let gate = Gate()
        let leader = subject.interceptor.start(key(), fingerprint: Fingerprint(bytes: [1])) { _ in
            await gate.pass()
            return "first"
        }
        await subject.log.wait(for: .claimed)
        let follower = subject.interceptor.start(key()) { _ in "no" }
        await subject.log.wait(for: .waiting)
        let impatient = subject.interceptor.applying(try OperationPolicy(waitLimit: .zero))
        #expect(try await impatient.outcome(key: key()) { _ in "no" }.isInProgress)
        #expect(
            await refusal {
                _ = try await impatient.idempotent(key: key(), fingerprint: Fingerprint(bytes: [2])) { _ in "no" }
            } == .fingerprintMismatch
        )
        gate.open()
        #expect(try await leader.value.isRun("first"))
        #expect(try await follower.value.isReplay("first"))
        #expect(await subject.interceptor.shutdown(within: .zero) == 0, "no flight is left")
        for late in [key("late"), key()] {
            #expect(await refusal { _ = try await subject.interceptor.idempotent(key: late) { _ in 1 } } == .shutDown)
        }
    }

    @Test("Renews the lease of a long run, and lets nobody take over")
    func renewal() async throws {
        let subject = Subject()
        let gate = Gate()
        let run = subject.interceptor.start(key()) { _ in
            await gate.pass()
            return "first"
        }
        await subject.log.wait(for: .claimed)
        for renewal in 1...5 {
            await subject.clock.waitForSleeper(within: .seconds(10))
            subject.clock.advance(by: .seconds(10))
            await subject.log.wait(for: .renewed, count: renewal)
        }
        let other = IdempotencyInterceptor(store: subject.store, policy: try OperationPolicy(waitLimit: .zero))
        #expect(try await other.outcome(key: key()) { _ in "no" }.isInProgress)
        gate.open()
        #expect(try await run.value.isRun("first"))
    }

    @Test("Full: a clear error, nothing runs, no flight is left")
    func full() async throws {
        let subject = Subject(capacity: 1)
        _ = try await subject.interceptor.idempotent(key: key("k-1")) { _ in 1 }
        let runs = Counter()
        #expect(
            await refusal { _ = try await subject.interceptor.idempotent(key: key("k-2")) { _ in runs.add() } }
                == .capacityExceeded
        )
        #expect(runs.value == 0)
        #expect(await subject.interceptor.shutdown(within: .zero) == 0)
    }

    @Test("A shutdown that begins while the claim is made: nothing runs", arguments: [false, true])
    func shutdownDuringClaim(_ isWrapped: Bool) async throws {
        let clock = ManualClock()
        let engine = Shared<Engine?>(nil)
        let memory = InMemoryIdempotencyStore(
            clock: HookClock(base: clock, before: { engine.value?.closeForNewClaims() })
        )
        let interceptor = IdempotencyInterceptor(
            store: isWrapped ? FaultyStore(memory) : memory,
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: globalConcurrentExecutor,
                random: SeededGenerator(seed: 1)
            )
        )
        engine.update { $0 = interceptor.engine }
        let runs = Counter()
        #expect(await refusal { _ = try await interceptor.idempotent(key: key()) { _ in runs.add() } } == .shutDown)
        #expect(runs.value == 0)
        #expect(await interceptor.shutdown(within: .zero) == 0)
        #expect(try #require(await memory.load(key())).record.isPending == false, "the claim is given back")
    }

    @Test("A claim whose lease is over before the handler is entered is renewed first", arguments: [false, true])
    func lapsedDuringClaim(_ isWrapped: Bool) async throws {
        let clock = ManualClock()
        let isArmed = Shared(false)
        let stopped = HookClock(
            base: clock,
            after: {
                guard isArmed.value else { return }
                isArmed.update { $0 = false }
                clock.advance(by: .seconds(31))
            }
        )
        let memory = InMemoryIdempotencyStore(clock: stopped)
        let runtimes = [1, 2].map {
            IdempotencyRuntime(clock: clock, executor: Standstill(), random: SeededGenerator(seed: $0))
        }
        let policy = try OperationPolicy(waitLimit: .zero)
        let interceptor = IdempotencyInterceptor(
            store: isWrapped ? FaultyStore(memory) : memory,
            policy: policy,
            runtime: runtimes[0]
        )
        let other = IdempotencyInterceptor(store: memory, policy: policy, runtime: runtimes[1])
        // At the store's next reading of its clock, when the claim is written.
        isArmed.update { $0 = true }
        let outcome = try await interceptor.outcome(key: key()) { execution in
            #expect(execution.leaseRemaining == .seconds(30))
            return try await Task.detached { try await other.outcome(key: key()) { _ in 1 }.isInProgress }.value
        }
        #expect(outcome.isRun(true))
    }

    @Test("An interceptor that nobody has any more is gone, and its store with it, although a renewal was planned")
    func isLetGo() async throws {
        weak var gone: InMemoryIdempotencyStore?
        let clock = ManualClock()
        do {
            let store = InMemoryIdempotencyStore(clock: clock)
            gone = store
            let runtime = IdempotencyRuntime(
                clock: clock,
                executor: globalConcurrentExecutor,
                random: SeededGenerator(seed: 1)
            )
            _ = try await IdempotencyInterceptor(store: store, runtime: runtime).idempotent(key: key()) { _ in 1 }
        }
        await clock.waitForSleeper(within: .seconds(10))
        #expect(gone == nil)
    }
}
