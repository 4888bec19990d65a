import Idempotency
import IdempotencyTesting
import TestSupport
import Testing

@Suite("Lost replies: every store call may be repeated", .timeLimit(.minutes(10)))
struct LostReplyTests {
    @Test("A claim whose reply is lost is found again by its claimant, and counts after one more write")
    func claim() async throws {
        let node = Node()
        node.store.disturb(write: 1, .loseReply)
        let runs = Counter()
        let outcome = try await node.interceptor.outcome(key: key()) { _ in runs.add() }
        #expect(outcome.isRun(1))
        #expect(node.store.writes == 3, "claim, a write upon it, finish")
        // The token is the version of the claim's own write, not of the write upon it.
        let records = node.store.writtenRecords
        #expect(records[1].token != nil)
        #expect(records[2].token == records[1].token)
    }

    @Test("A claim that was never applied is sent again")
    func claimNotApplied() async throws {
        let node = Node()
        node.store.disturb(write: 1, .failBefore)
        #expect(try await node.interceptor.outcome(key: key()) { _ in 1 }.isRun(1))
    }

    @Test("A claim that lands after the read that followed it is still ours")
    func claimLandsLate() async throws {
        let node = Node()
        let land = Gate()
        let landed = Gate()
        node.store.disturb(write: 1, .applyLater(when: land, done: landed))
        node.store.disturb(write: 2, .hold(landed))
        let task = node.interceptor.start(key()) { _ in "once" }
        await node.store.waitForWrites(2)
        land.open()
        #expect(try await task.value.isRun("once"))
    }

    @Test("A claim that is applied twice is ours", arguments: [1, 2])
    func appliedTwice(_ number: Int) async throws {
        let node = Node()
        node.store.disturb(write: number, .applyTwice)
        let runs = Counter()
        #expect(try await node.interceptor.outcome(key: key()) { _ in runs.add() }.isRun(1))
        #expect(try await node.interceptor.outcome(key: key()) { _ in runs.add() }.isReplay(1))
    }

    @Test("A finish whose reply is lost is confirmed by one more write, and replays the same bytes")
    func finish() async throws {
        let node = Node()
        node.store.disturb(write: 2, .loseReply)
        #expect(try await node.interceptor.outcome(key: key()) { _ in "once" }.isRun("once"))
        #expect(node.store.writes == 3)
        #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.isReplay("once"))
    }

    @Test("A release whose reply is lost still lets the key run again")
    func release() async throws {
        let node = Node()
        node.store.disturb(write: 2, .loseReply)
        await #expect(throws: Boom()) {
            try await node.interceptor.idempotent(key: key()) { _ -> Int in throw Boom() }
        }
        #expect(try await node.interceptor.idempotent(key: key()) { $0.attempt } == 2)
    }

    @Test("Scenario 10d: a renewal and a step's write cross with one reply lost: neither is lost", arguments: [2, 3])
    func renewalAndStepCross(_ lost: Int) async throws {
        let node = Node()
        let hold = Gate()
        let steps = Counter()
        // Write 2 is the renewal, write 3 the step's; either loses its reply.
        node.store.disturb(write: 2, lost == 2 ? .loseReply : .hold(hold))
        if lost == 3 { node.store.disturb(write: 3, .loseReply) }
        let never = Gate()
        let stepped = Gate()
        let running = node.interceptor.start(key()) { execution in
            await node.store.waitForWrites(2)
            hold.open()
            try await execution.step("charge") { _ = steps.add() }
            stepped.open()
            await never.pass()
            return "no"
        }
        await node.log.wait(for: .claimed)
        await node.clock.waitForSleeper(within: .seconds(10))
        node.clock.advance(by: .seconds(10))
        await stepped.pass()
        let stored = try #require(await node.memory.load(key()))
        #expect(stored.record.checkpoints.map(\.name) == ["charge"])
        #expect(stored.remaining == .seconds(30), "the step's write renewed the lease")
        node.store.kill()
        node.clock.advance(by: .seconds(30))
        let rerun = try await node.another().interceptor.outcome(key: key()) { execution in
            try await execution.step("charge") { _ = steps.add() }
            return "rerun"
        }
        #expect(rerun.isRun("rerun"))
        #expect(steps.value == 1)
        never.open()
        _ = await running.result
    }

    @Test("A retry re-applies its transition to the record that came back: a step survives a finish that is repeated")
    func reappliedNotResent() async throws {
        let node = Node()
        let steps = Counter()
        // The step's write is applied, its reply lost, and its repetition fails before: what follows builds on it.
        node.store.disturb(write: 2, .loseReply)
        await #expect(throws: Boom()) {
            try await node.interceptor.idempotent(key: key()) { execution -> Int in
                try await execution.step("one") { _ = steps.add() }
                try await execution.step("two") { _ = steps.add() }
                throw Boom()
            }
        }
        let names = try #require(await node.memory.load(key())).record.checkpoints.map(\.name)
        #expect(names == ["one", "two"])
        _ = try await node.interceptor.idempotent(key: key()) { execution -> Int in
            try await execution.step("one") { _ = steps.add() }
            try await execution.step("two") { _ = steps.add() }
            return 1
        }
        #expect(steps.value == 2)
    }

    @Test(
        "Scenario 18: the caller is cancelled after the effect: completion is recorded by a store that heeds cancellation"
    )
    func finishOutlivesCancellation() async throws {
        let node = Node()
        node.store.failWhenCancelled()
        let entered = Gate()
        let leave = Gate()
        let task = node.interceptor.start(key()) { _ in
            entered.open()
            await leave.pass()
            return "charged"
        }
        await entered.pass()
        task.cancel()
        leave.open()
        #expect(try await task.value.isRun("charged"))
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "no" }.isReplay("charged"))
    }

    @Test("Scenario 18: the caller is cancelled in the middle of the finish: it goes on, and completion is recorded")
    func finishInterrupted() async throws {
        let node = Node()
        let hold = Gate()
        node.store.disturb(write: 2, .holdThenFail(hold))
        let task = node.interceptor.start(key()) { _ in "charged" }
        await node.store.waitForWrites(2)
        task.cancel()
        hold.open()
        #expect(try await task.value.isRun("charged"))
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "no" }.isReplay("charged"))
    }
}
