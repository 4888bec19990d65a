import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@testable import Idempotency

@Suite("What the library does by itself stays small", .timeLimit(.minutes(10)))
struct BackgroundTests {
    @Test("One timer renews any number of runs, however their leases differ")
    func oneTimer() async throws {
        let node = Node()
        let finish = Gate()
        let long = await node.run(key("long"), until: finish)
        let short = node.interceptor.applying(
            try OperationPolicy(lease: .milliseconds(300), maximumRunTime: .seconds(1))
        )
        for index in 1...50 {
            let isRenewed = Gate()
            let run = short.start(key("short-\(index)")) { _ in
                await isRenewed.pass()
                return "B"
            }
            await node.log.wait(for: .claimed, count: index + 1)
            await node.clock.waitForSleeper(within: .milliseconds(100))
            node.clock.advance(by: .milliseconds(100))
            await node.log.wait(for: .renewed, count: index)
            isRenewed.open()
            #expect(try await run.value.isRun("B"))
            #expect(node.interceptor.engine.timers.count <= 2)
        }
        finish.open()
        _ = try await long.value
    }

    @Test("Renewals that fail end with the maximum run time as those do that succeed")
    func failedRenewalsEnd() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(30), maximumRunTime: .seconds(60)))
        let finish = Gate()
        let run = await node.run(key(), until: finish)
        node.store.loseRenewals()
        // After a third of the lease, and then each sixth of it: at 10 s, 15 s, …, 55 s.
        for count in 1...10 {
            await node.clock.waitForSleeper(within: .seconds(10))
            _ = node.clock.advanceToNextSleeper()
            await node.log.wait(for: .notRenewed, count: count)
        }
        #expect(node.interceptor.engine.timers.count == 0)
        node.store.revive()
        finish.open()
        #expect(try await run.value.isRun("A"))
    }

    @Test("A renewal that a stopped machine sleeps through is not made up for after the maximum run time")
    func lateRenewal() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(30), maximumRunTime: .seconds(30)))
        let finish = Gate()
        let run = await node.run(key(), until: finish)
        await node.clock.waitForSleeper(within: .seconds(10))
        let writes = node.store.writes
        node.clock.advance(by: .seconds(100))
        // The keeper has been woken and has looked.
        await node.executor.waitUntilIdle()
        #expect(node.interceptor.engine.timers.count == 0)
        finish.open()
        #expect(try await run.value.isRun("A"))
        #expect(node.store.writes == writes + 1)
        #expect(node.log.count(.renewed) == 0)
    }

    @Test("The record of a newer release is not asked for again and again by the run that lost it")
    func newerRecordIsNotRenewed() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(30), maximumRunTime: .seconds(600)))
        let finish = Gate()
        let run = await node.run(key(), until: finish)
        node.store.disturb(write: 1, .fail(IdempotencyError(code: .unsupportedRecordVersion, message: "test")))
        await node.clock.waitForSleeper(within: .seconds(10))
        _ = node.clock.advanceToNextSleeper()
        await node.log.wait(for: .notRenewed)
        await node.executor.waitUntilIdle()
        // What the keeper had planned before it knew is the last.
        _ = node.clock.advanceToNextSleeper()
        await node.executor.waitUntilIdle()
        #expect(node.interceptor.engine.timers.count == 0)
        #expect(node.log.count(.notRenewed) == 1)
        finish.open()
        #expect(try await run.value.isRun("A"))
    }

    @Test("An earlier look takes the place of a later one")
    func earlierLook() {
        let node = Node()
        let now = node.interceptor.engine.runtime.time.now()
        for seconds in (1...50).reversed() {
            node.interceptor.engine.keeper.watch(dueAt: now + Nanoseconds(seconds) * 1_000_000_000)
            #expect(node.interceptor.engine.timers.count == 1)
        }
    }

    @Test("When the observer hears of a renewal, the next one can begin")
    func renewalIsOverWhenTold() async throws {
        let clock = ManualClock()
        let shared = Shared<IdempotencyInterceptor?>(nil)
        let canBegin = Shared<Bool?>(nil)
        let log = EventLog { kind in
            guard kind == .renewed, let engine = shared.value?.engine else { return }
            // The next one is due a third of the lease later.
            let due = engine.runtime.time.now() + 10_000_000_000
            let taken = engine.flights.leader(of: key())?.withState { $0.takeRenewal(dueAt: due, nextTry: .max) }
            canBegin.update { $0 = taken }
        }
        let interceptor = IdempotencyInterceptor(
            store: InMemoryIdempotencyStore(clock: clock),
            policy: try OperationPolicy(lease: .seconds(30)),
            observer: log,
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: TrackingExecutor(),
                random: SystemRandomNumberGenerator()
            )
        )
        shared.update { $0 = interceptor }
        let finish = Gate()
        let run = interceptor.start(key()) { _ in
            await finish.pass()
            return "A"
        }
        await log.wait(for: .claimed)
        await clock.waitForSleeper(within: .seconds(10))
        clock.advance(by: .seconds(10))
        await log.wait(for: .renewed)
        #expect(canBegin.value == true)
        finish.open()
        #expect(try await run.value.isRun("A"))
    }

    @Test("A renewal that takes long is not asked for a second time")
    func oneRenewal() async throws {
        let node = Node()
        let finish = Gate()
        let hold = Gate()
        let run = await node.run(key(), until: finish)
        node.store.disturb(write: 1, .hold(hold))
        // Due after 10 s, and again after 15 and 20, while the first is still on its way.
        for seconds in [10, 5, 5] {
            await node.clock.waitForSleeper(within: .seconds(seconds))
            node.clock.advance(by: .seconds(seconds))
            await node.store.waitForWrites(2)
        }
        await node.clock.waitForSleeper(within: .seconds(5))
        hold.open()
        await node.log.wait(for: .renewed)
        finish.open()
        #expect(try await run.value.isRun("A"))
        #expect(node.store.writes == 3, "the claim, the renewal, the finish")
    }

    @Test("A renewal that stands in line behind a finish that fails does not renew what was given up")
    func renewalBehindAFailedFinish() async throws {
        let node = Node()
        let finish = Gate()
        let call = await node.run(key(), until: finish)
        let engine = node.interceptor.engine
        let run = try #require(engine.flights.leader(of: key()))
        let hold = Gate()
        node.store.disturb(write: 1, .holdThenFail(hold))
        let finishing = Task { await engine.writer.write(.complete(.void, retention: 1), of: run, .once) }
        await node.store.waitForWrites(2)
        let renewing = Task { await engine.writer.renew(run) }
        hold.open()
        _ = await finishing.value
        await renewing.value
        #expect(node.log.count(.renewed) == 0)
        #expect(node.store.writes == 2)
        finish.open()
        _ = try? await call.value
    }

    // MARK: What is settled later

    /// A call whose claim gets no answer, so that it is settled later.
    private func unanswered(_ node: Node, _ key: IdempotencyKey) async {
        node.store.disturb(write: 1, .loseReply)
        node.store.disturb(load: 1, .failBefore)
        #expect(await refusal { _ = try await node.interceptor.idempotent(key: key) { _ in 1 } } == .storeUnavailable)
    }

    @Test("A store that is away is asked once a pause, however many calls have left something to settle")
    func oneLateWriter() async throws {
        let node = Node()
        node.store.kill()
        for index in 1...200 {
            let code = await refusal { _ = try await node.interceptor.idempotent(key: key("k-\(index)")) { _ in 1 } }
            #expect(code == .storeUnavailable)
        }
        // Two for each call, a claim and a look at what became of it; and one of the lateWriter's, while no time has passed.
        #expect(node.store.operations <= 401)
        for _ in 1...3 {
            await node.clock.waitForSleeper(within: .seconds(5))
            let before = node.store.operations
            node.clock.advance(by: .seconds(5))
            await node.clock.waitForSleeper(within: .seconds(5))
            #expect(node.store.operations <= before + 1)
        }
        node.store.revive()
        #expect(await node.interceptor.shutdown(within: .seconds(60)) == 0)
    }

    @Test("A key whose record never answers does not keep the others from being settled")
    func poisonedKey() async throws {
        let node = Node()
        let engine = IdempotencyInterceptor(
            store: PoisonedStore(node.memory, key("poison")),
            observer: node.log,
            runtime: node.interceptor.engine.runtime
        ).engine
        for value in ["poison", "good"] {
            let call = Call(key: key(value), fingerprint: nil, policy: .standard)
            let run = engine.flights.makeLooseRun(call, enclosing: nil)
            let record = RecordStateMachine.firstClaim(call.claim(by: run.claimant))
            _ = try? await node.memory.checkAndSet(key(value), expecting: nil, .write(record))
            engine.releaseLater(run)
        }
        // The first attempt, at the key that does not answer; then there is a pause.
        await node.log.wait(for: .storeFailed)
        await node.clock.waitForSleeper(within: .milliseconds(100))
        node.clock.advance(by: .milliseconds(100))
        await node.log.wait(for: .released)
        #expect(try #require(await node.memory.load(key("good"))).record.isPending == false)
    }

    @Test(
        "A claim that has not landed is waited for, be it over nothing or over an earlier record",
        arguments: [false, true]
    )
    func claimInTransit(_ isOverAnother: Bool) async throws {
        let node = Node()
        if isOverAnother {
            _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        }
        let land = Gate()
        let hasLanded = Gate()
        // The claim; where there is an earlier record, the one that meets it comes first.
        node.store.disturb(write: isOverAnother ? 2 : 1, .applyLater(when: land, done: hasLanded))
        node.store.disturb(load: 1, .failBefore)
        #expect(await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in 1 } } == .storeUnavailable)
        // It has looked once, and will look again.
        await node.clock.waitForSleeper(within: .milliseconds(100))
        land.open()
        await hasLanded.pass()
        #expect(await node.interceptor.shutdown(within: .seconds(60)) == 0)
        guard case .retryable = try await node.interceptor.status(of: key()) else {
            Issue.record("the claim was not given back")
            return
        }
    }

    @Test("A claim in transit is given back although its caller was cancelled while it looked for it")
    func cancelledWhileLooking() async throws {
        let node = Node()
        let land = Gate()
        let hasLanded = Gate()
        let hold = Gate()
        node.store.disturb(write: 1, .applyLater(when: land, done: hasLanded))
        node.store.disturb(load: 1, .hold(hold))
        let call = node.interceptor.start(key()) { _ in "no" }
        await node.store.waitForLoads(1)
        call.cancel()
        hold.open()
        await #expect(throws: CancellationError.self) { try await call.value }
        await node.clock.waitForSleeper(within: .milliseconds(100))
        land.open()
        await hasLanded.pass()
        #expect(await node.interceptor.shutdown(within: .seconds(60)) == 0)
        #expect(try #require(await node.memory.load(key())).record.isPending == false)
    }

    @Test("A shutdown in the middle of an attempt settles what has come in meanwhile")
    func shutdownDuringAnAttempt() async throws {
        let node = Node()
        let hold = Gate()
        node.store.disturb(load: 2, .hold(hold))
        await unanswered(node, key("a"))
        await node.store.waitForLoads(2)
        await unanswered(node, key("b"))
        let shutdown = Task { await node.interceptor.shutdown(within: .seconds(60)) }
        await node.clock.waitForSleeper(within: .seconds(60))
        hold.open()
        #expect(await shutdown.value == 0)
        for key in [key("a"), key("b")] {
            #expect(try #require(await node.memory.load(key)).record.isPending == false)
        }
    }

    @Test("What is to be settled is bounded, and counted down once")
    func lateWriterIsBounded() async throws {
        let node = Node()
        let engine = node.interceptor.engine
        let hold = Gate()
        node.store.disturb(load: 1, .hold(hold))
        let call = Call(key: key(), fingerprint: nil, policy: .standard)
        for _ in 0..<(2 * LateWriter.capacity) {
            engine.releaseLater(engine.flights.makeLooseRun(call, enclosing: nil))
        }
        #expect(engine.background.count == LateWriter.capacity)
        hold.open()
        #expect(await node.interceptor.shutdown(within: .seconds(60)) == 0)
    }

    @Test("What is settled while a shutdown begins is counted down once; 500 rounds")
    func stopRace() async throws {
        let node = Node()
        node.store.kill()
        let engine = node.interceptor.engine
        let call = Call(key: key(), fingerprint: nil, policy: .standard)
        for _ in 0..<500 {
            let background = BackgroundWork()
            let lateWriter = LateWriter(engine.runtime, timers: engine.timers, background: background)
            let run = engine.flights.makeLooseRun(call, enclosing: nil)
            let event = RecordStateMachine.Event.fail(.retryable(.neverEntered), retention: 1)
            async let settled: Void = lateWriter.write(run, event, until: .max, by: engine)
            async let stopped: Void = lateWriter.stop()
            _ = await (settled, stopped)
            let idle = OneShot<Void>()
            background.whenIdle(idle)
            await idle.value()
            #expect(background.count == 0)
        }
    }
}

/// One key's record cannot be reached.
private final class PoisonedStore: IdempotencyStore {
    private let base: any IdempotencyStore
    private let poisoned: IdempotencyKey

    init(_ base: any IdempotencyStore, _ poisoned: IdempotencyKey) {
        self.base = base
        self.poisoned = poisoned
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        if key == poisoned { throw FaultyStore.Down() }
        return try await base.load(key)
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        if key == poisoned { throw FaultyStore.Down() }
        return try await base.checkAndSet(key, expecting: expected, change)
    }
}
