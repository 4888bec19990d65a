import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@Suite("Modes, status, revocation, shutdown", .timeLimit(.minutes(10)))
struct ModeAndLifecycleTests {
    @Test("Observe only: everything runs, nothing waits, and what would have happened is reported")
    func observeOnly() async throws {
        let node = Node(try OperationPolicy(mode: .observeOnly))
        let runs = Counter()
        let finish = Gate()
        let first = node.interceptor.start(key(), fingerprint: Fingerprint(bytes: [1])) { _ in
            runs.add()
            await finish.pass()
            return "first"
        }
        await node.log.wait(for: .claimed)
        _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() }
        #expect(node.log.count(.wouldHaveRefused) == 1)
        finish.open()
        #expect(try await first.value.isRun("first"))
        #expect(try await node.interceptor.outcome(key: key()) { _ in runs.add() }.isRun(3))
        #expect(node.log.count(.wouldHaveReplayed) == 1)
        _ = try await node.interceptor.idempotent(key: key(), fingerprint: Fingerprint(bytes: [2])) { _ in runs.add() }
        #expect(node.log.count(.wouldHaveRefused) == 2)
        // What it recorded answers duplicates from the day on which the operation is enforced.
        #expect(try await node.another(.standard).interceptor.outcome(key: key()) { _ in "no" }.isReplay("first"))
    }

    @Test("Observe only with a store that is down: the handler runs, and its result is the caller's")
    func observeOnlyWithoutStore() async throws {
        let node = Node(try OperationPolicy(mode: .observeOnly))
        node.store.disturb(write: 2, .failBefore)
        #expect(try await node.interceptor.outcome(key: key()) { _ in 1 }.isRun(1))
        node.store.kill()
        #expect(try await node.interceptor.outcome(key: key("k-2")) { _ in 2 }.isRun(2))
    }

    @Test("Observe only: a claim whose reply was lost ends as its run does")
    func observeOnlyLostReply() async throws {
        let node = Node(try OperationPolicy(mode: .observeOnly))
        node.store.disturb(write: 1, .loseReply)
        #expect(try await node.interceptor.outcome(key: key()) { _ in 1 }.isRun(1))
        #expect(await node.interceptor.shutdown(within: .seconds(60)) == 0)
        #expect(try await node.another(.standard).interceptor.outcome(key: key()) { _ in 2 }.isReplay(1))
    }

    @Test("Observe only: a long run keeps its claim, and a shutdown waits for it")
    func observeOnlyLongRun() async throws {
        let node = Node(try OperationPolicy(mode: .observeOnly))
        let finish = Gate()
        let run = await node.run(key(), until: finish)
        await node.clock.waitForSleeper(within: .seconds(10))
        node.clock.advance(by: .seconds(10))
        await node.log.wait(for: .renewed)
        node.clock.advance(by: .seconds(25))
        let enforcing = node.another(try OperationPolicy(waitLimit: .zero)).interceptor
        #expect(try await enforcing.outcome(key: key()) { _ in "no" }.isInProgress)
        let shutdown = Task { await node.interceptor.shutdown(within: .seconds(3600)) }
        finish.open()
        #expect(await shutdown.value == 0)
        #expect(try await run.value.isRun("A"))
        #expect(try await enforcing.outcome(key: key()) { _ in "no" }.isReplay("A"))
    }

    @Test("Observe only: a handler has no token, its steps are taken each time, and a dead store does not hurt it")
    func observeOnlySteps() async throws {
        let node = Node(try OperationPolicy(mode: .observeOnly))
        let steps = Counter()
        for call in 1...2 {
            let outcome = try? await node.interceptor.outcome(key: key()) { execution in
                #expect(execution.token == nil && execution.leaseRemaining == nil)
                let step = try await execution.step("mail") { steps.add() }
                if call == 1 { throw Boom() }
                return step
            }
            #expect(outcome?.isRun(2) ?? (call == 1))
        }
        #expect(
            try await node.interceptor.idempotent(key: key("k-2")) { execution in
                try await execution.step("mail") {
                    node.store.kill()
                    node.clock.advance(by: .seconds(31))
                    return "sent"
                }
            } == "sent"
        )
    }

    @Test("Observe only: a shutdown waits for a claim that is being made")
    func observeOnlyClaimDuringShutdown() async throws {
        let node = Node(try OperationPolicy(mode: .observeOnly))
        let hold = Gate()
        let finish = Gate()
        node.store.disturb(write: 1, .hold(hold))
        let run = node.interceptor.start(key()) { _ in
            await finish.pass()
            return "A"
        }
        await node.store.waitForWrites(1)
        let shutdown = Task { await node.interceptor.shutdown(within: .seconds(5)) }
        await node.clock.waitForSleeper(within: .seconds(5))
        node.clock.advance(by: .seconds(5))
        #expect(await shutdown.value == 1)
        hold.open()
        finish.open()
        #expect(try await run.value.isRun("A"))
    }

    @Test("Shutdown counts a handler that runs without protection and may have a claim")
    func shutdownCountsUnprotected() async throws {
        let node = Node(try OperationPolicy(storeFailure: .failOpen))
        node.store.kill()
        let isInside = Gate()
        let finish = Gate()
        let run = node.interceptor.start(key()) { _ in
            isInside.open()
            await finish.pass()
            return "A"
        }
        await isInside.pass()
        #expect(await node.interceptor.shutdown(within: .zero) == 1)
        finish.open()
        #expect(try await run.value.isRun("A"))
    }

    @Test("Off: everything runs, and the store is not asked")
    func off() async throws {
        let node = Node(try OperationPolicy(mode: .off))
        for call in 1...2 {
            #expect(try await node.interceptor.outcome(key: key()) { $0.token == nil ? call : 0 }.isRun(call))
        }
        #expect(node.store.operations == 0)
    }

    @Test("One store serves many operations, each with a policy of its own, over one set of flights")
    func manyPolicies() async throws {
        let node = Node()
        let strict = node.interceptor.applying(try OperationPolicy(lapse: .refuse))
        _ = try? await strict.idempotent(key: key("k", "charge")) { _ -> Int in throw Boom() }
        _ = try? await node.interceptor.idempotent(key: key("k", "mail")) { _ -> Int in throw Boom() }
        #expect(try await strict.outcome(key: key("k", "charge")) { _ in 1 }.unknownReason == .handlerThrew)
        #expect(try await node.interceptor.outcome(key: key("k", "mail")) { _ in 1 }.isRun(1))
    }

    @Test("Status runs nothing, and tells every state; a claim under way is never absent")
    func status() async throws {
        let node = Node()
        #expect(try await node.interceptor.status(of: key()) == .absent)
        let hold = Gate()
        let finish = Gate()
        node.store.disturb(write: 1, .hold(hold))
        let task = node.interceptor.start(key()) { _ in
            await finish.pass()
            return "A"
        }
        await node.store.waitForWrites(1)
        #expect(try await node.interceptor.status(of: key()) == .inProgress(attempt: 1, leaseRemaining: .zero))
        hold.open()
        await node.log.wait(for: .claimed)
        #expect(try await node.interceptor.status(of: key()) == .inProgress(attempt: 1, leaseRemaining: .seconds(30)))
        finish.open()
        _ = try await task.value
        node.clock.advance(by: .seconds(400))
        #expect(
            try await node.interceptor.status(of: key())
                == .done(attempt: 1, retentionRemaining: .seconds(86400 - 400))
        )
        node.clock.advance(by: .seconds(86400))
        #expect(try await node.interceptor.status(of: key()) == .absent)
    }

    @Test("Revoke: an absent key is failed for good, so that a late call is refused")
    func revokeAbsent() async throws {
        let node = Node()
        let revoked = IdempotencyStatus.revoked(retentionRemaining: .seconds(86400))
        #expect(try await node.interceptor.revoke(key: key()) == revoked)
        #expect(await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in 1 } } == .revoked)
        #expect(try await node.interceptor.revoke(key: key()) == revoked, "safe to repeat")
    }

    @Test("Revoke changes nothing that is running, done or unknown; a retryable failure it ends")
    func revokeOthers() async throws {
        let node = Node()
        _ = try await node.interceptor.idempotent(key: key("done")) { _ in 1 }
        guard case .done = try await node.interceptor.revoke(key: key("done")) else {
            Issue.record("a done key was revoked")
            return
        }
        #expect(try await node.interceptor.outcome(key: key("done")) { _ in 2 }.isReplay(1))
        let finish = Gate()
        let running = node.interceptor.start(key("running")) { _ in
            await finish.pass()
            return "A"
        }
        await node.log.wait(for: .claimed, count: 2)
        guard case .inProgress = try await node.interceptor.revoke(key: key("running")) else {
            Issue.record("a running key was revoked")
            return
        }
        finish.open()
        #expect(try await running.value.isRun("A"))
        _ = try? await node.interceptor.idempotent(key: key("failed")) { _ -> Int in throw Boom() }
        guard case .revoked = try await node.interceptor.revoke(key: key("failed")) else {
            Issue.record("a failed key was not revoked")
            return
        }
        #expect(await refusal { _ = try await node.interceptor.idempotent(key: key("failed")) { _ in 1 } } == .revoked)
    }

    @Test(
        "Revoke with a lost reply knows its own revocation again",
        arguments: [FaultyStore.Fault.loseReply, .failBefore]
    )
    func revokeLostReply(_ fault: FaultyStore.Fault) async throws {
        let node = Node()
        node.store.disturb(write: 1, fault)
        guard case .revoked = try await node.interceptor.revoke(key: key()) else {
            Issue.record("not revoked")
            return
        }
    }

    @Test("Shutdown: no new claims; what runs is finished and recorded; who waits elsewhere is told")
    func shutdown() async throws {
        let node = Node()
        let other = node.another()
        let finish = Gate()
        let elsewhere = await other.run(key("elsewhere"), until: finish, returning: "B")
        let waiting = node.interceptor.start(key("elsewhere")) { _ in "no" }
        await node.log.wait(for: .waiting)
        await node.clock.waitForSleeper(within: .seconds(1))
        let running = await node.run(key("mine"), until: finish)
        let shutdown = Task { await node.interceptor.shutdown(within: .seconds(60)) }
        #expect(await refusal { _ = try await waiting.value } == .shutDown)
        #expect(await refusal { _ = try await node.interceptor.idempotent(key: key("new")) { _ in 1 } } == .shutDown)
        finish.open()
        #expect(await shutdown.value == 0)
        #expect(try await running.value.isRun("A"))
        _ = try await elsewhere.value
        #expect(try await other.interceptor.outcome(key: key("mine")) { _ in "no" }.isReplay("A"))
    }

    @Test("Shutdown does not wait for ever, and stops renewing what it left behind")
    func shutdownGivesUp() async throws {
        let node = Node()
        let finish = Gate()
        let running = await node.run(key(), until: finish)
        let shutdown = Task { await node.interceptor.shutdown(within: .seconds(5)) }
        await node.clock.waitForSleeper(within: .seconds(5))
        node.clock.advance(by: .seconds(5))
        #expect(await shutdown.value == 1)
        node.clock.advance(by: .seconds(26))
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "B" }.isRun("B"))
        finish.open()
        #expect(await refusal { _ = try await running.value } == .leaseLost)
    }

    @Test("A call that is refused for want of room leaves nothing to be done later")
    func refusedForCapacity() async throws {
        for mode in [OperationPolicy.Mode.enforce, .observeOnly] {
            let node = Node(try OperationPolicy(mode: mode), capacity: 1)
            _ = try await node.interceptor.idempotent(key: key("only")) { _ in 1 }
            for index in 0..<100 { _ = try? await node.interceptor.idempotent(key: key("k-\(index)")) { _ in 1 } }
            #expect(await node.interceptor.shutdown(within: .seconds(1)) == 0)
            // The claim and the finish of the first, and the claims of the others: nothing is looked for.
            #expect(node.store.operations == 102)
        }
    }

    @Test("An expired record answers nobody, however many others are still to be swept")
    func expiredAnswersNobody() async throws {
        let node = Node(try OperationPolicy(retention: .seconds(60), waitLimit: .seconds(1)))
        for index in 0..<2000 { _ = try await node.interceptor.idempotent(key: key("k-\(index)")) { _ in 1 } }
        node.clock.advance(by: .seconds(60))
        // The youngest first: the sweep, a few at a time, has not come to them.
        for index in (1000..<2000).reversed() {
            #expect(try await node.interceptor.outcome(key: key("k-\(index)")) { _ in 2 }.isRun(2))
        }
    }

    @Test("Scenario 29: past its capacity the store refuses with a clear error, nothing runs, and nothing is evicted")
    func capacity() async throws {
        let node = Node(try OperationPolicy(retention: .seconds(60), waitLimit: .seconds(1)), capacity: 100)
        for index in 0..<100 { _ = try await node.interceptor.idempotent(key: key("k-\(index)")) { _ in index } }
        let runs = Counter()
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key("more")) { _ in runs.add() } }
                == .capacityExceeded
        )
        #expect(runs.value == 0)
        for index in 0..<100 {
            #expect(try await node.interceptor.outcome(key: key("k-\(index)")) { _ in -1 }.isReplay(index))
        }
        node.clock.advance(by: .seconds(60))
        #expect(try await node.interceptor.outcome(key: key("more")) { _ in 1 }.isRun(1))
    }
}
