import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@Suite("Handing over the lead, and ending it", .timeLimit(.minutes(10)))
struct HandOverTests {
    @Test("I10: a caller that does not wait is told when an heir's claim is made, not when the heir is done")
    func impatientFollowerOfAnHeir() async throws {
        let node = Node(try OperationPolicy(waitLimit: .zero))
        let hold = Gate()
        let finish = Gate()
        node.store.disturb(write: 1, .failBefore)
        node.store.disturb(load: 1, .hold(hold))
        let leader = node.interceptor.start(key()) { _ in "leader" }
        await node.log.wait(for: .storeFailed)
        let heir = node.interceptor.start(key()) { _ in
            await finish.pass()
            return "heir"
        }
        await node.log.wait(for: .waiting)
        let follower = node.interceptor.start(key()) { _ in "no" }
        await node.log.wait(for: .waiting, count: 2)
        leader.cancel()
        hold.open()
        #expect(try await follower.value.isInProgress)
        finish.open()
        #expect(try await heir.value.isRun("heir"))
    }

    @Test("I8: a caller with another payload is told when an heir's claim is made")
    func mismatchedFollowerOfAnHeir() async throws {
        let node = Node()
        let hold = Gate()
        let finish = Gate()
        node.store.disturb(write: 1, .holdReply(hold))
        let leader = node.interceptor.start(key()) { _ in "leader" }
        await node.store.waitForWrites(1)
        let heir = node.interceptor.start(key(), fingerprint: Fingerprint(bytes: [1])) { _ in
            await finish.pass()
            return "heir"
        }
        await node.log.wait(for: .waiting)
        let follower = node.interceptor.start(key(), fingerprint: Fingerprint(bytes: [2])) { _ in "no" }
        await node.log.wait(for: .waiting, count: 2)
        leader.cancel()
        hold.open()
        #expect(await refusal { _ = try await follower.value } == .fingerprintMismatch)
        finish.open()
        #expect(try await heir.value.isRun("heir"))
    }

    @Test("I10: a caller that does not wait is told although the leader of its flight waits for another node")
    func impatientFollowerOfAWaitingLeader() async throws {
        let a = Node()
        let finish = Gate()
        let running = await a.run(key(), until: finish)
        let b = a.another()
        let leader = b.interceptor.start(key()) { _ in "no" }
        await b.log.wait(for: .waiting)
        let impatient = b.interceptor.applying(try OperationPolicy(waitLimit: .zero))
        #expect(try await impatient.outcome(key: key()) { _ in "no" }.isInProgress)
        leader.cancel()
        _ = await leader.result
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("After a shutdown no follower claims for a leader that left")
    func noClaimsAfterShutdown() async throws {
        // Followers that wait for longer than the shutdown: the first sleeper of 30 s is the shutdown's.
        let node = Node(try OperationPolicy(waitLimit: .seconds(100)))
        let hold = Gate()
        node.store.disturb(write: 1, .holdReply(hold))
        let leader = node.interceptor.start(key()) { _ in "leader" }
        await node.store.waitForWrites(1)
        let followers = (0..<20).map { _ in node.interceptor.start(key()) { _ in "no" } }
        await node.log.wait(for: .waiting, count: 20)
        let shutdown = Task { await node.interceptor.shutdown(within: .seconds(30)) }
        await node.clock.waitForSleeper(within: .seconds(31))
        hold.open()
        #expect(await refusal { _ = try await leader.value } == .shutDown)
        for follower in followers { #expect(await refusal { _ = try await follower.value } == .shutDown) }
        #expect(await shutdown.value == 0)
        #expect(node.store.writtenRecords.count { $0.isPending } == 1)
    }

    @Test("Two shutdowns at once both return when nothing is in flight any more")
    func twoShutdowns() async throws {
        let node = Node()
        let finish = Gate()
        let running = await node.run(key(), until: finish)
        let shutdowns = (0..<2).map { index in
            Task { await node.interceptor.shutdown(within: .seconds(5 - index)) }
        }
        await node.clock.waitForSleeper(within: .seconds(4))
        finish.open()
        #expect(try await running.value.isRun("A"))
        for shutdown in shutdowns { #expect(await shutdown.value == 0) }
    }

    @Test("I1: interceptors that share a runtime have claimants of their own")
    func sharedRuntime() async throws {
        let clock = ManualClock()
        let store = InMemoryIdempotencyStore(clock: clock)
        let runtime = IdempotencyRuntime(
            clock: clock,
            executor: globalConcurrentExecutor,
            random: SeededGenerator(seed: 1)
        )
        let log = EventLog()
        let a = IdempotencyInterceptor(store: store, observer: log, runtime: runtime)
        let b = IdempotencyInterceptor(store: store, policy: try OperationPolicy(waitLimit: .zero), runtime: runtime)
        let finish = Gate()
        let running = a.start(key()) { _ in
            await finish.pass()
            return "A"
        }
        await log.wait(for: .claimed)
        #expect(try await b.outcome(key: key()) { _ in "B" }.isInProgress)
        finish.open()
        #expect(try await running.value.isRun("A"))
    }
}
