import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

/// Every kind of event, with what an operator reads off it.
@Suite("What the observer is told", .timeLimit(.minutes(10)))
struct EventTests {
    /// What brings an event about, and what it then holds.
    struct Situation: CustomTestStringConvertible, Sendable {
        let kind: IdempotencyEvent.Kind
        var state: RecordState?
        var attempt = 0
        /// In seconds; `nil`: the event tells of none.
        var duration: Int64?
        var code: IdempotencyError.Code?
        let bringAbout: @Sendable () async throws -> EventLog

        var testDescription: String { kind.description }
    }

    private static func policy(
        _ mode: OperationPolicy.Mode = .enforce,
        lapse: OperationPolicy.LapseHandling = .rerun,
        wait: Duration = .seconds(100),
        storeFailure: OperationPolicy.StoreFailureHandling = .failClosed,
        maximumAttempts: Int? = nil,
        maximumWaiters: Int = 10
    ) throws -> OperationPolicy {
        try OperationPolicy(
            mode: mode,
            lease: .seconds(30),
            waitLimit: wait,
            lapse: lapse,
            storeFailure: storeFailure,
            maximumAttempts: maximumAttempts,
            maximumWaiters: maximumWaiters
        )
    }

    /// A run of two seconds.
    private static func run(_ node: Node) async throws {
        _ = try await node.interceptor.idempotent(key: key()) { _ in
            node.clock.advance(by: .seconds(2))
            return "A"
        }
    }

    /// A run that nothing is heard of for longer than its lease, and ends then.
    private static func stall(_ node: Node, ending: (Node) async throws -> Void) async throws {
        let finish = Gate()
        node.store.loseRenewals()
        let task = await node.run(key(), until: finish)
        node.clock.advance(by: .seconds(31))
        try await ending(node)
        finish.open()
        _ = try? await task.value
    }

    static let situations: [Situation] = [
        Situation(kind: .claimed, state: .inProgress, attempt: 1) {
            let node = Node()
            try await run(node)
            return node.log
        },
        Situation(kind: .completed, state: .done, attempt: 1, duration: 2) {
            let node = Node()
            try await run(node)
            return node.log
        },
        Situation(kind: .replayed, state: .done, attempt: 1) {
            let node = Node()
            try await run(node)
            try await run(node)
            return node.log
        },
        Situation(kind: .mismatched, state: .done, attempt: 1) {
            let node = Node()
            for byte in [1, 2] as [UInt8] {
                _ = try? await node.interceptor.idempotent(key: key(), fingerprint: Fingerprint(bytes: [byte])) { _ in 1
                }
            }
            return node.log
        },
        Situation(kind: .waiting, state: .inProgress, attempt: 1) { try await waited().log },
        Situation(kind: .waited, state: .inProgress, attempt: 1, duration: 3) { try await waited().log },
        Situation(kind: .takenOver, state: .inProgress, attempt: 2) {
            let node = Node(try policy())
            let other = node.another()
            try await stall(node) { _ in try await run(other) }
            return other.log
        },
        Situation(kind: .leaseLost, attempt: 1, duration: 33) {
            let node = Node(try policy())
            let other = node.another()
            try await stall(node) { _ in try await run(other) }
            return node.log
        },
        Situation(kind: .failed, state: .retryable, attempt: 1, duration: 0) {
            let node = Node()
            _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw Boom() }
            return node.log
        },
        Situation(kind: .unknown, state: .lapsed, attempt: 1, duration: 0) {
            let node = Node(try policy(lapse: .refuse))
            _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw Boom() }
            return node.log
        },
        Situation(kind: .refused, state: .inProgress, code: .inProgress) {
            let node = Node(try policy(wait: .zero))
            let finish = Gate()
            let task = await node.run(key(), until: finish)
            #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.isInProgress)
            finish.open()
            _ = try await task.value
            return node.log
        },
        Situation(kind: .unsaved, state: .inProgress, attempt: 1, duration: 2, code: .unsupportedRecordVersion) {
            let node = Node()
            let newer = IdempotencyError(code: .unsupportedRecordVersion, message: "A newer release wrote the record.")
            node.store.disturb(write: 2, .fail(newer))
            try? await run(node)
            return node.log
        },
        Situation(kind: .storeBroken, code: .brokenStore) {
            let node = Node()
            node.store.disturb(write: 2, .answer(.stored(RecordVersion(rawValue: 1))))
            try? await run(node)
            return node.log
        },
        Situation(kind: .storeFailed) {
            let node = Node()
            node.store.disturb(write: 2, .failBefore)
            try await run(node)
            return node.log
        },
        Situation(kind: .failedOpen) {
            let node = Node(try policy(storeFailure: .failOpen))
            node.store.kill()
            try await run(node)
            return node.log
        },
        Situation(kind: .renewed, state: .inProgress, attempt: 1) {
            let node = Node(try policy())
            let finish = Gate()
            let task = await node.run(key(), until: finish)
            node.clock.advance(by: .seconds(11))
            await node.log.wait(for: .renewed)
            finish.open()
            _ = try await task.value
            return node.log
        },
        Situation(kind: .notRenewed, state: .inProgress, attempt: 1) {
            let node = Node(try policy())
            let finish = Gate()
            let task = await node.run(key(), until: finish)
            node.store.loseRenewals()
            node.clock.advance(by: .seconds(11))
            await node.log.wait(for: .notRenewed)
            finish.open()
            _ = try await task.value
            return node.log
        },
        Situation(kind: .wouldHaveReplayed, state: .done, attempt: 1) {
            let node = Node(try policy(.observeOnly))
            try await run(node)
            try await run(node)
            return node.log
        },
        Situation(kind: .wouldHaveRefused, state: .inProgress, attempt: 1) {
            let node = Node(try policy(.observeOnly))
            let finish = Gate()
            let task = await node.run(key(), until: finish)
            try await run(node)
            finish.open()
            _ = try await task.value
            return node.log
        },
        Situation(kind: .revoked, state: .failed) {
            let node = Node()
            try await node.interceptor.revoke(key: key())
            return node.log
        },
        Situation(kind: .released, state: .retryable) {
            let node = Node()
            let reply = Gate()
            node.store.disturb(write: 1, .holdReply(reply))
            let task = node.interceptor.start(key()) { _ in "no" }
            await node.store.waitForWrites(1)
            task.cancel()
            reply.open()
            _ = try? await task.value
            return node.log
        },
        Situation(kind: .settled, state: .done, attempt: 1) {
            let clock = ManualClock()
            let store = InMemoryIdempotencyStore(clock: clock)
            let interceptor = IdempotencyInterceptor(store: store, policy: try policy(lapse: .refuse))
            _ = try? await interceptor.idempotent(key: key()) { _ -> Int in throw Boom() }
            let log = EventLog()
            _ = try await RecordAdministration(store: store, observer: log).settle(
                key(),
                version: try #require(try await store.load(key())).version,
                as: .done(1),
                settlement: Settlement(id: "incident-1", settledBy: "alice")
            )
            return log
        },
    ]

    /// A call that waits three seconds for another node's run, and no longer.
    private static func waited() async throws -> Node {
        let node = Node(try policy())
        let other = node.another(try policy(wait: .seconds(3)))
        let finish = Gate()
        let task = await node.run(key(), until: finish)
        let waiting = other.interceptor.start(key()) { _ in "no" }
        await other.log.wait(for: .waiting)
        for _ in 1...3 {
            // Until it has planned its next look.
            await other.executor.waitUntilIdle()
            node.clock.advance(by: .seconds(1))
        }
        #expect(try await waiting.value.isInProgress)
        finish.open()
        _ = try await task.value
        return other
    }

    @Test("Every kind of event happens, with state, attempt, duration and error", arguments: situations)
    func everyKind(_ situation: Situation) async throws {
        let log = try await situation.bringAbout()
        let event = try #require(log.events.first { $0.kind == situation.kind })
        #expect(event.scope.operation == "charge")
        #expect(event.state == situation.state)
        #expect(event.attempt == situation.attempt)
        #expect(event.duration == situation.duration.map { .seconds($0) })
        if let code = situation.code { #expect((event.error as? IdempotencyError)?.code == code) }
    }

    @Test("No kind is left out")
    func complete() {
        #expect(Set(Self.situations.map(\.kind)) == Set(IdempotencyEvent.Kind.allCases))
        #expect(Set(IdempotencyEvent.Kind.allCases.map(\.description)).count == IdempotencyEvent.Kind.allCases.count)
    }

    @Test("A wait ends before the hook is asked: what that takes is not waiting")
    func waitAndHook() async throws {
        let clock = Shared<ManualClock?>(nil)
        let hook: OperationPolicy.ReconcileHook = { _ in
            clock.value?.advance(by: .seconds(20))
            return .done("A")
        }
        let node = Node(try Self.policy(lapse: .reconcile(hook)))
        clock.update { [clock = node.clock] in $0 = clock }
        let other = node.another(seed: 3)
        let finish = Gate()
        node.store.loseRenewals()
        let running = await node.run(key(), until: finish)
        let waiting = other.interceptor.start(key()) { _ in "no" }
        await other.log.wait(for: .waiting)
        for _ in 1...30 {
            // Until it has planned its next look.
            await other.executor.waitUntilIdle()
            node.clock.advance(by: .seconds(1))
        }
        #expect(try await waiting.value.isReplay("A"))
        // The hook takes long enough for its lease to be renewed, or not.
        let kinds = other.log.events.map(\.kind).filter { $0 != .renewed }
        #expect(kinds == [.waiting, .waited, .takenOver, .replayed])
        let waited = try #require(other.log.events.first { $0.kind == .waited })
        #expect(waited.duration == .seconds(30))
        #expect(waited.state == .lapsed)
        finish.open()
        _ = try? await running.value
    }

    @Test("A call that is refused tells why by its error's code")
    func refusals() async throws {
        let crowded = Node(try Self.policy(maximumWaiters: 0))
        let finish = Gate()
        let task = await crowded.run(key(), until: finish)
        #expect(
            await refusal { _ = try await crowded.interceptor.idempotent(key: key()) { _ in "no" } } == .tooManyWaiters
        )
        finish.open()
        _ = try await task.value
        #expect(crowded.log.refusals == [.tooManyWaiters])

        let harmless = Node(try Self.policy(maximumAttempts: 1))
        for _ in 1...3 {
            _ = try? await harmless.interceptor.idempotent(key: key()) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        }
        #expect(harmless.log.refusals == [.attemptsExhausted, .attemptsExhausted])

        let revoked = Node()
        try await revoked.interceptor.revoke(key: key())
        _ = try? await revoked.interceptor.idempotent(key: key()) { _ in 1 }
        #expect(revoked.log.refusals == [.revoked])
        #expect(revoked.log.count(.replayed) == 0)

        let capped = Node(try Self.policy(maximumAttempts: 1))
        for _ in 1...3 { _ = try? await capped.interceptor.idempotent(key: key()) { _ -> Int in throw Boom() } }
        #expect(capped.log.refusals == [.attemptsExhausted, .attemptsExhausted])
    }
}

extension EventLog {
    fileprivate var refusals: [IdempotencyError.Code?] {
        events.filter { $0.kind == .refused }.map { ($0.error as? IdempotencyError)?.code }
    }
}
