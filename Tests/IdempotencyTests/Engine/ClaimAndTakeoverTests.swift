import IdempotencyTesting
import Synchronization
import TestSupport
import Testing

@testable import Idempotency

@Suite("Claims, leases, takeover", .timeLimit(.minutes(10)))
struct ClaimAndTakeoverTests {
    /// A run that holds its claim, whose renewals get lost, and whose lease is over.
    private func stalled(
        _ a: Node,
        finish: Gate,
        _ result: String = "A"
    ) async -> Task<IdempotentOutcome<String>, any Error> {
        let running = a.interceptor.start(key()) { _ in
            await finish.pass()
            return result
        }
        await a.log.wait(for: .claimed)
        a.store.loseRenewals()
        a.clock.advance(by: .seconds(31))
        return running
    }

    @Test("Scenario 2: B reads a lapsed record, A completes, B's takeover loses the check and replays A's result")
    func takeoverLosesToCompletion() async throws {
        let a = Node()
        let finish = Gate()
        let running = await stalled(a, finish: finish)
        let b = a.another()
        let hold = Gate()
        b.store.disturb(write: 2, .hold(hold))
        let recovering = b.interceptor.start(key()) { _ in "B must not run" }
        await b.store.waitForWrites(2)
        finish.open()
        #expect(try await running.value.isRun("A"))
        hold.open()
        #expect(try await recovering.value.isReplay("A"))
    }

    @Test("Scenario 3: a refused duplicate leaves the winner's record alone")
    func refusedDuplicate() async throws {
        let node = Node()
        let finish = Gate()
        let a = Fingerprint(bytes: Array("a".utf8))
        let b = Fingerprint(bytes: Array("b".utf8))
        let running = await node.run(key(), fingerprint: a, until: finish)
        let before = try await node.memory.load(key())
        let elsewhere = node.another(try OperationPolicy(waitLimit: .zero))
        for fingerprint in [b, nil] {
            let outcome = await elsewhere.interceptor.start(key(), fingerprint: fingerprint) { _ in "no" }.result
            if fingerprint != nil {
                #expect(throws: IdempotencyError.self) { try outcome.get() }
            } else {
                #expect(try outcome.get().isInProgress)
            }
        }
        #expect(try await node.memory.load(key()) == before)
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("Scenario 4: after a takeover A's finish is refused, and A is told with its result attached; I7")
    func finishAfterTakeover() async throws {
        let a = Node()
        let finish = Gate()
        let running = await stalled(a, finish: finish)
        let b = a.another()
        #expect(try await b.interceptor.outcome(key: key()) { _ in "B" }.isRun("B"))
        finish.open()
        do {
            _ = try await running.value
            Issue.record("A's result was taken although B had the key")
        } catch let error as IdempotencyError {
            #expect(error.code == .leaseLost)
            #expect(try error.result(as: String.self) == "A")
        }
        #expect(a.log.count(.leaseLost) == 1)
        #expect(try await a.interceptor.outcome(key: key()) { _ in "no" }.isReplay("B"))
    }

    @Test("Scenario 4: a failing A releases nothing that B holds")
    func releaseAfterTakeover() async throws {
        let a = Node()
        let finishA = Gate()
        let failing = a.interceptor.start(key()) { _ in
            await finishA.pass()
            throw Boom()
        }
        await a.log.wait(for: .claimed)
        a.store.loseRenewals()
        a.clock.advance(by: .seconds(31))
        let b = a.another()
        let finishB = Gate()
        let running = b.interceptor.start(key()) { _ in
            await finishB.pass()
            return "B"
        }
        await b.log.wait(for: .takenOver)
        let before = try await a.memory.load(key())
        finishA.open()
        await #expect(throws: Boom()) { try await failing.value }
        #expect(try await a.memory.load(key()) == before)
        finishB.open()
        #expect(try await running.value.isRun("B"))
    }

    @Test("Scenario 5, I2: tokens grow in claim order, so that a sink refuses a stale one; also after expiry")
    func tokens() async throws {
        let a = Node(try OperationPolicy(retention: .seconds(60)))
        let sink = Mutex<[FencingToken]>([])
        @Sendable func write(_ token: FencingToken?) -> Bool {
            sink.withLock { tokens in
                guard let token, token > tokens.last ?? FencingToken(rawValue: 0) else { return false }
                tokens.append(token)
                return true
            }
        }
        let finish = Gate()
        let accepted = Mutex<Bool?>(nil)
        let running = a.interceptor.start(key()) { execution in
            await finish.pass()
            accepted.withLock { $0 = write(execution.token) }
            return "A"
        }
        await a.log.wait(for: .claimed)
        a.store.loseRenewals()
        a.clock.advance(by: .seconds(31))
        let b = a.another()
        #expect(try await b.interceptor.idempotent(key: key()) { write($0.token) })
        finish.open()
        _ = await running.result
        #expect(accepted.withLock { $0 } == false, "the stale token was refused")
        a.clock.advance(by: .seconds(61))
        #expect(
            try await a.interceptor.idempotent(key: key()) { write($0.token) },
            "a new life of the key has a greater one"
        )
    }

    @Test("The token of a run stays the same through renewals and steps")
    func tokenIsTheClaims() async throws {
        let node = Node()
        let tokens = try await node.interceptor.idempotent(key: key()) { execution -> [UInt64] in
            let before = try #require(execution.token).rawValue
            try await execution.step("one") {}
            node.clock.advance(by: .seconds(11))
            await node.log.wait(for: .renewed)
            return [before, try #require(execution.token).rawValue]
        }
        #expect(tokens[0] == tokens[1])
        #expect(try await node.memory.load(key())?.record.token?.rawValue == tokens[0])
    }

    @Test("Scenario 6: a delayed renewal never steals a lease back")
    func delayedRenewal() async throws {
        let a = Node()
        let finish = Gate()
        let hold = Gate()
        a.store.disturb(write: 2, .hold(hold))
        let running = a.interceptor.start(key()) { execution in
            await finish.pass()
            try await execution.checkLease()
            return "A"
        }
        await a.log.wait(for: .claimed)
        await a.clock.waitForSleeper(within: .seconds(10))
        a.clock.advance(by: .seconds(10))
        await a.store.waitForWrites(2)
        a.clock.advance(by: .seconds(21))
        let b = a.another()
        let finishB = Gate()
        let takenOver = b.interceptor.start(key()) { _ in
            await finishB.pass()
            return "B"
        }
        await b.log.wait(for: .takenOver)
        let before = try await a.memory.load(key())
        hold.open()
        finish.open()
        #expect(await refusal { _ = try await running.value } == .leaseLost)
        #expect(try await a.memory.load(key()) == before)
        finishB.open()
        #expect(try await takenOver.value.isRun("B"))
    }

    @Test("Scenario 6: a renewal that throws counts as not renewed, and is tried again before the lease is over")
    func failedRenewal() async throws {
        let node = Node()
        let finish = Gate()
        node.store.disturb(write: 2, .failBefore)
        let running = await node.run(key(), until: finish)
        await node.clock.waitForSleeper(within: .seconds(10))
        node.clock.advance(by: .seconds(10))
        await node.log.wait(for: .notRenewed)
        #expect(try await node.memory.load(key())?.remaining == .seconds(20), "the lease is what it was")
        await node.clock.waitForSleeper(within: .seconds(6))
        node.clock.advance(by: .seconds(5))
        await node.log.wait(for: .renewed)
        #expect(try #require(await node.memory.load(key())).remaining > .seconds(20))
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("A long run is renewed well before the end of its lease, up to the maximum run time")
    func renewedUpToMaximumRunTime() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(30), maximumRunTime: .seconds(100)))
        let finish = Gate()
        let running = await node.run(key(), until: finish)
        var renewals = 0
        for _ in 0..<9 {
            await node.clock.waitForSleeper(within: .seconds(10))
            node.clock.advance(by: .seconds(10))
            renewals += 1
            await node.log.wait(for: .renewed, count: renewals)
        }
        // 90 s have passed; the next renewal would be due at 100 s.
        let run = try #require(node.interceptor.engine.flights.leader(of: key()))
        #expect(run.withState { $0.renewalDue } == .max, "none is planned")
        let left = try #require(await node.memory.load(key())).remaining
        #expect(left == .seconds(30))
        node.clock.advance(by: .seconds(30))
        let b = node.another()
        #expect(try await b.interceptor.outcome(key: key()) { _ in "B" }.isRun("B"))
        #expect(node.log.count(.renewed) == 9)
        finish.open()
        #expect(await refusal { _ = try await running.value } == .leaseLost)
    }

    @Test("Scenario 9: a waiter that gives up, or is cancelled, leaves the claim alone")
    func waiterGivesUp() async throws {
        let a = Node()
        let finish = Gate()
        let running = await a.run(key(), until: finish)
        let before = try await a.memory.load(key())
        let b = a.another()
        let cancelled = b.interceptor.start(key()) { _ in "no" }
        await b.log.wait(for: .waiting)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        let follower = a.interceptor.start(key()) { _ in "no" }
        await a.log.wait(for: .waiting)
        follower.cancel()
        await #expect(throws: CancellationError.self) { try await follower.value }
        let late = b.interceptor.start(key()) { _ in "no" }
        await b.log.wait(for: .waiting, count: 2)
        for _ in 0..<9 {
            await a.clock.waitForSleeper(within: .seconds(1))
            a.clock.advance(by: .seconds(1))
        }
        await a.clock.waitForSleeper(within: .seconds(1))
        a.clock.advance(by: .seconds(1))
        #expect(try await late.value.isInProgress)
        #expect(try #require(await a.memory.load(key())).record.claimant == before?.record.claimant)
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("Scenario 10c: a .rerun deployment meets a record claimed under .refuse: the stricter wins")
    func stricterPolicyWins() async throws {
        let strict = Node(try OperationPolicy(lapse: .refuse))
        let never = Gate()
        let lost = await strict.run(key(), until: never, returning: "no")
        strict.store.kill()
        strict.clock.advance(by: .seconds(31))
        let lenient = strict.another(.standard)
        #expect(try await lenient.interceptor.outcome(key: key()) { _ in "no" }.unknownReason == .lapsed)
        never.open()
        _ = await lost.result
    }

    @Test("A strict caller does not run over a lenient one's failure of unknown effect")
    func strictAfterLenientFailure() async throws {
        let lenient = Node()
        _ = try? await lenient.interceptor.idempotent(key: key()) { _ -> Int in throw Boom() }
        let strict = lenient.another(try OperationPolicy(lapse: .refuse))
        #expect(try await strict.interceptor.outcome(key: key()) { _ in 1 }.unknownReason == .handlerThrew)
        #expect(try await lenient.interceptor.outcome(key: key()) { _ in 1 }.isRun(1))
    }

    @Test("Scenario 7: cancelled between the claim and the handler: the claim is given back at once")
    func cancelledBeforeTheHandler() async throws {
        let node = Node()
        let hold = Gate()
        node.store.disturb(write: 1, .holdReply(hold))
        let task = node.interceptor.start(key()) { _ in "must not run" }
        await node.store.waitForWrites(1)
        task.cancel()
        hold.open()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await node.interceptor.status(of: key()) == .retryable(attempt: 0))
        #expect(
            try await node.another(try OperationPolicy(waitLimit: .zero)).interceptor.outcome(key: key()) { $0.attempt }
                .isRun(1)
        )
    }

    @Test("A claim whose reply took longer than its lease is not run without asking the store")
    func lateClaimReply() async throws {
        let a = Node()
        let hold = Gate()
        a.store.disturb(write: 1, .holdReply(hold))
        let runs = Counter()
        let late = a.interceptor.start(key()) { _ in
            runs.add()
            return "A"
        }
        await a.store.waitForWrites(1)
        a.clock.advance(by: .seconds(31))
        #expect(try await a.another().interceptor.outcome(key: key()) { _ in "B" }.isRun("B"))
        hold.open()
        #expect(try await late.value.isReplay("B"))
        #expect(runs.value == 0)
    }

    @Test("A claim whose lease is over before its handler, and that could not be renewed, is given back")
    func lateClaimUnanswered() async throws {
        let node = Node()
        let hold = Gate()
        node.store.disturb(write: 1, .holdReply(hold))
        node.store.disturb(write: 2, .failBefore)
        let late = node.interceptor.start(key()) { _ in "A" }
        await node.store.waitForWrites(1)
        node.clock.advance(by: .seconds(31))
        hold.open()
        #expect(await refusal { _ = try await late.value } == .storeUnavailable)
        await node.log.wait(for: .released)
        #expect(try #require(await node.memory.load(key())).record.isPending == false)
    }

    @Test("I1, I9: of two nodes that race for a key, one runs and the other replays; 500 rounds")
    func race() async throws {
        let a = Node().another(isWoken: true)
        let b = a.another(seed: 3, isWoken: true)
        for round in 0..<500 {
            let runs = Counter()
            let key = key("race-\(round)")
            let outcomes = try await withThrowingTaskGroup(of: IdempotentOutcome<Int>.self) { group in
                for node in [a, b, a, b] {
                    group.addTask { try await node.interceptor.outcome(key: key) { _ in runs.add() } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(runs.value == 1)
            #expect(outcomes.count { $0.isRun(1) } == 1)
            #expect(outcomes.count { $0.isReplay(1) } == 3)
        }
    }
}
