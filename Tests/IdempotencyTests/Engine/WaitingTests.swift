import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@Suite("Waiting and load", .timeLimit(.minutes(10)))
struct WaitingTests {
    @Test("Scenario 38c: the leader is cancelled before it ran: a follower takes the lead with its own handler")
    func leaderCancelledBeforeItRan() async throws {
        let node = Node()
        let hold = Gate()
        node.store.disturb(write: 1, .holdReply(hold))
        let leader = node.interceptor.start(key()) { _ in "leader" }
        await node.store.waitForWrites(1)
        let follower = node.interceptor.start(key()) { _ in "follower" }
        await node.log.wait(for: .waiting)
        leader.cancel()
        hold.open()
        await #expect(throws: CancellationError.self) { try await leader.value }
        #expect(try await follower.value.isRun("follower"))
    }

    @Test("Scenario 38c: the leader is refused: a follower with the right payload has the result")
    func leaderRefused() async throws {
        let node = Node()
        let right = Fingerprint(bytes: [1])
        let wrong = Fingerprint(bytes: [2])
        _ = try await node.interceptor.idempotent(key: key(), fingerprint: right) { _ in "first" }
        let hold = Gate()
        node.store.disturb(write: 1, .hold(hold))
        let leader = node.interceptor.start(key(), fingerprint: wrong) { _ in "no" }
        await node.store.waitForWrites(3)
        let follower = node.interceptor.start(key(), fingerprint: right) { _ in "no" }
        await node.log.wait(for: .waiting)
        hold.open()
        #expect(await refusal { _ = try await leader.value } == .fingerprintMismatch)
        #expect(try await follower.value.isReplay("first"))
    }

    @Test("A look that the store does not answer keeps nobody past the end of his wait; nor does it keep the cancelled")
    func unansweredLook() async throws {
        let a = Node()
        let finish = Gate()
        let running = await a.run(key(), until: finish)
        let slow = SlowReadingStore(a.memory, holdingRead: 1)
        let b = IdempotencyInterceptor(
            store: slow,
            policy: try OperationPolicy(waitLimit: .seconds(2)),
            observer: a.log,
            runtime: IdempotencyRuntime(clock: a.clock, executor: a.executor, random: SeededGenerator(seed: 9))
        )
        let waiting = b.start(key()) { _ in "B" }
        await slow.hasRead.pass()
        await a.clock.waitForSleeper(within: .seconds(3))
        a.clock.advance(by: .milliseconds(2200))
        guard case .inProgress(let remaining) = try await waiting.value else {
            Issue.record("the wait ended otherwise")
            return
        }
        #expect(remaining == .milliseconds(27_800))
        // A caller who leaves is not kept either.
        let leaving = SlowReadingStore(a.memory, holdingRead: 1)
        let c = IdempotencyInterceptor(
            store: leaving,
            runtime: IdempotencyRuntime(clock: a.clock, executor: a.executor, random: SeededGenerator(seed: 9))
        ).start(key()) { _ in "C" }
        await leaving.hasRead.pass()
        c.cancel()
        await #expect(throws: CancellationError.self) { try await c.value }
        slow.reply.open()
        leaving.reply.open()
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("A subscription that the store does not make keeps nobody either, and is cancelled if it comes after all")
    func unansweredSubscription() async throws {
        let a = Node()
        let finish = Gate()
        let running = await a.run(key(), until: finish)
        let slow = SlowReadingStore(a.memory, holdingRead: 0, holdingSubscriptions: true)
        let waiting = IdempotencyInterceptor(
            store: slow,
            policy: try OperationPolicy(waitLimit: .seconds(2)),
            runtime: IdempotencyRuntime(clock: a.clock, executor: a.executor, random: SeededGenerator(seed: 9))
        ).start(key()) { _ in "B" }
        await slow.hasRead.pass()
        await a.clock.waitForSleeper(within: .seconds(3))
        a.clock.advance(by: .milliseconds(2200))
        #expect(try await waiting.value.isInProgress)
        slow.reply.open()
        await a.executor.waitUntilIdle()
        #expect(slow.openSubscriptions == 0)
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("When the observer hears of a wait, the next look is planned: the clock may move on at once")
    func plannedWhenTold() async throws {
        let dead = Node()
        let never = Gate()
        _ = await dead.run(key(), until: never, returning: "lost")
        dead.store.kill()
        let clock = dead.clock
        // Beyond the lease of the claim that nobody finishes.
        let log = EventLog { if $0 == .waiting { clock.advance(by: .seconds(31)) } }
        let interceptor = IdempotencyInterceptor(
            store: dead.memory,
            policy: try OperationPolicy(waitLimit: .seconds(100)),
            observer: log,
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: TrackingExecutor(),
                random: SeededGenerator(seed: 7)
            )
        )
        #expect(try await interceptor.outcome(key: key()) { _ in "taken over" }.isRun("taken over"))
        #expect(log.events.first { $0.kind == .waited }?.duration == .seconds(31))
        never.open()
    }

    @Test("Scenario 38c: the leader reaches its deadline: a follower with a longer one waits on, with its own policy")
    func leaderReachesItsDeadline() async throws {
        let a = Node()
        let finish = Gate()
        let running = await a.run(key(), until: finish)
        let b = a.another()
        let hasty = b.interceptor.applying(try OperationPolicy(waitLimit: .seconds(2)))
        let patient = b.interceptor.applying(try OperationPolicy(waitLimit: .seconds(20)))
        let leader = hasty.start(key()) { _ in "no" }
        await b.log.wait(for: .waiting)
        let follower = patient.start(key()) { _ in "no" }
        await b.log.wait(for: .waiting, count: 2)
        for _ in 0..<2 {
            await a.clock.waitForSleeper(within: .seconds(1))
            a.clock.advance(by: .seconds(1))
        }
        guard case .inProgress(let remaining) = try await leader.value else {
            Issue.record("the leader did not give up")
            return
        }
        #expect(remaining > .zero && remaining <= .seconds(30))
        // The follower leads now, and has looked.
        await a.clock.waitForSleeper(within: .seconds(1))
        finish.open()
        #expect(try await running.value.isRun("A"))
        a.clock.advance(by: .seconds(1))
        #expect(try await follower.value.isReplay("A"))
    }

    @Test("I10: a follower waits until its own deadline and not longer, whatever the leader does")
    func followersDeadline() async throws {
        let node = Node()
        let finish = Gate()
        let leader = await node.run(key(), until: finish)
        let hasty = node.interceptor.applying(try OperationPolicy(waitLimit: .seconds(3)))
        let follower = hasty.start(key()) { _ in "no" }
        await node.log.wait(for: .waiting)
        await node.clock.waitForSleeper(within: .seconds(3))
        node.clock.advance(by: .seconds(3))
        #expect(try await follower.value.isInProgress)
        let impatient = node.interceptor.applying(try OperationPolicy(waitLimit: .zero))
        #expect(try await impatient.outcome(key: key()) { _ in "no" }.isInProgress)
        finish.open()
        #expect(try await leader.value.isRun("A"))
    }

    @Test("A caller that does not wait still gets a replay when the leader only looks the result up")
    func impatientFollowerOfALookUp() async throws {
        let node = Node(try OperationPolicy(waitLimit: .zero))
        _ = try await node.interceptor.idempotent(key: key()) { _ in "first" }
        let hold = Gate()
        node.store.disturb(write: 1, .hold(hold))
        let leader = node.interceptor.start(key()) { _ in "no" }
        await node.store.waitForWrites(3)
        let follower = node.interceptor.start(key()) { _ in "no" }
        await node.log.wait(for: .waiting)
        hold.open()
        #expect(try await leader.value.isReplay("first"))
        #expect(try await follower.value.isReplay("first"))
    }

    @Test("A caller that does not wait is told as soon as the leader's claim is made")
    func impatientFollowerOfAClaim() async throws {
        let node = Node(try OperationPolicy(waitLimit: .zero))
        let hold = Gate()
        let finish = Gate()
        node.store.disturb(write: 1, .hold(hold))
        let leader = node.interceptor.start(key()) { _ in
            await finish.pass()
            return "A"
        }
        await node.store.waitForWrites(1)
        let follower = node.interceptor.start(key()) { _ in "no" }
        await node.log.wait(for: .waiting)
        hold.open()
        #expect(try await follower.value.isInProgress)
        finish.open()
        #expect(try await leader.value.isRun("A"))
    }

    @Test(
        "Scenario 17: the same key with another payload is refused while pending, through the flight, and when done; I8"
    )
    func fingerprintOnEveryPath() async throws {
        let node = Node()
        let right = Fingerprint(bytes: [1])
        let wrong = Fingerprint(bytes: [2])
        let hold = Gate()
        let finish = Gate()
        node.store.disturb(write: 1, .hold(hold))
        let leader = node.interceptor.start(key(), fingerprint: right) { _ in
            await finish.pass()
            return "A"
        }
        await node.store.waitForWrites(1)
        let early = node.interceptor.start(key(), fingerprint: wrong) { _ in "no" }
        await node.log.wait(for: .waiting)
        hold.open()
        #expect(await refusal { _ = try await early.value } == .fingerprintMismatch)
        for interceptor in [node.interceptor, node.another().interceptor] {
            let code = await refusal {
                _ = try await interceptor.idempotent(key: key(), fingerprint: wrong) { _ in "no" }
            }
            #expect(code == .fingerprintMismatch)
        }
        finish.open()
        #expect(try await leader.value.isRun("A"))
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key(), fingerprint: wrong) { _ in "no" } }
                == .fingerprintMismatch
        )
        #expect(try await node.interceptor.outcome(key: key(), fingerprint: right) { _ in "no" }.isReplay("A"))
        #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.isReplay("A"), "none checks nothing")
    }

    @Test("I8: a retry of a failed run keeps the fingerprint of the first claim")
    func fingerprintSurvivesFailure() async throws {
        let node = Node()
        let right = Fingerprint(bytes: [1])
        _ = try? await node.interceptor.idempotent(key: key(), fingerprint: right) { _ -> Int in throw Boom() }
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw Boom() }
        let wrong = Fingerprint(bytes: [2])
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key(), fingerprint: wrong) { _ in 1 } }
                == .fingerprintMismatch
        )
    }

    @Test("Scenario 16: the result is durable before a follower or the caller has it")
    func durableBeforeVisible() async throws {
        let node = Node()
        let hold = Gate()
        let answered = Counter()
        node.store.disturb(write: 2, .hold(hold))
        let leader = Task {
            let value = try await node.interceptor.idempotent(key: key()) { _ in "A" }
            answered.add()
            return value
        }
        await node.store.waitForWrites(2)
        let follower = node.interceptor.start(key()) { _ in "no" }
        await node.log.wait(for: .waiting)
        #expect(answered.value == 0)
        #expect(try #require(await node.memory.load(key())).record.isPending)
        hold.open()
        #expect(try await leader.value == "A")
        #expect(try await follower.value.isReplay("A"))
    }

    @Test("Scenario 39: a waiter on another node is woken by the store, without any poll")
    func wokenByTheStore() async throws {
        let a = Node().another(isWoken: true)
        let b = a.another(seed: 3, isWoken: true)
        let finish = Gate()
        let running = await a.run(key(), until: finish)
        let waiting = b.interceptor.start(key()) { _ in "no" }
        await b.log.wait(for: .waiting)
        finish.open()
        #expect(try await running.value.isRun("A"))
        #expect(try await waiting.value.isReplay("A"))
    }

    @Test("Scenario 39: a waiter that starts just as completion lands still wakes; 2,000 rounds, the clock never moves")
    func completionAndWaitingRace() async throws {
        let a = Node().another(isWoken: true)
        let b = a.another(seed: 3, isWoken: true)
        for round in 0..<2000 {
            let key = key("k-\(round)")
            async let first = a.interceptor.idempotent(key: key) { _ in round }
            async let second = b.interceptor.idempotent(key: key) { _ in round }
            async let third = a.interceptor.idempotent(key: key) { _ in round }
            #expect(try await [first, second, third] == [round, round, round])
        }
    }

    @Test("Scenario 39: a change between the reading of a record and the reply is not missed; the clock never moves")
    func changeBetweenReadAndReply() async throws {
        let a = Node().another(isWoken: true)
        let step = Gate()
        let stepped = Gate()
        let finish = Gate()
        let running = a.interceptor.start(key()) { execution in
            await step.pass()
            try await execution.step("one") {}
            stepped.open()
            await finish.pass()
            return "A"
        }
        await a.log.wait(for: .claimed)
        // The first read follows the subscription, the second one the wake-up by the step.
        let slow = SlowReadingStore(a.memory, holdingRead: 2)
        let log = EventLog()
        let waiting = IdempotencyInterceptor(
            store: slow,
            observer: log,
            runtime: IdempotencyRuntime(
                clock: a.clock,
                executor: globalConcurrentExecutor,
                random: SeededGenerator(seed: 7)
            )
        ).start(key()) { _ in "no" }
        await log.wait(for: .waiting)
        // Asleep until its poll: the keeper of the other node sleeps longer.
        await a.clock.waitForSleeper(within: .seconds(1))
        step.open()
        await stepped.pass()
        await slow.hasRead.pass()
        finish.open()
        #expect(try await running.value.isRun("A"))
        slow.reply.open()
        #expect(try await waiting.value.isReplay("A"))
    }

    @Test("Scenario 39: a dropped notification is made good by a slow poll")
    func poll() async throws {
        let a = Node()
        let finish = Gate()
        let running = await a.run(key(), until: finish)
        let b = a.another()
        let waiting = b.interceptor.start(key()) { _ in "no" }
        await b.log.wait(for: .waiting)
        await a.clock.waitForSleeper(within: .seconds(1))
        finish.open()
        #expect(try await running.value.isRun("A"))
        a.clock.advance(by: .seconds(1))
        #expect(try await waiting.value.isReplay("A"))
    }

    @Test("Scenario 12: a waiter takes over as soon as the lease is over, not at its next poll or the retention's end")
    func takesOverWhenTheLeaseEnds() async throws {
        let dead = Node(try OperationPolicy(lease: .milliseconds(500), maximumRunTime: .milliseconds(500)))
        let never = Gate()
        let lost = await dead.run(key(), until: never, returning: "no")
        dead.store.kill()
        let node = dead.another(.standard)
        let waiting = node.interceptor.start(key()) { _ in "taken over" }
        await node.log.wait(for: .waiting)
        await dead.clock.waitForSleeper(within: .milliseconds(500))
        dead.clock.advance(by: .milliseconds(500))
        #expect(try await waiting.value.isRun("taken over"))
        never.open()
        _ = await lost.result
    }

    @Test("Scenario 40: 1,000 duplicates of one key: one run, and the store is asked twice")
    func thousandDuplicates() async throws {
        let node = Node()
        let runs = Counter()
        let finish = Gate()
        let outcomes = try await withThrowingTaskGroup(of: IdempotentOutcome<Int>.self) { group in
            for _ in 0..<1000 {
                group.addTask {
                    try await node.interceptor.outcome(key: key()) { _ in
                        await finish.pass()
                        return runs.add()
                    }
                }
            }
            await node.log.wait(for: .waiting, count: 999)
            finish.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(runs.value == 1)
        #expect(outcomes.count { $0.isRun(1) } == 1)
        #expect(outcomes.count { $0.isReplay(1) } == 999)
        #expect(node.store.operations == 2)
    }

    @Test("A cap on waiters: who is over it is refused at once, and runs nothing")
    func waitersCapped() async throws {
        let node = Node(try OperationPolicy(maximumWaiters: 2))
        let finish = Gate()
        let leader = await node.run(key(), until: finish)
        let followers = (0..<2).map { _ in node.interceptor.start(key()) { _ in "no" } }
        await node.log.wait(for: .waiting, count: 2)
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in "no" } } == .tooManyWaiters
        )
        finish.open()
        #expect(try await leader.value.isRun("A"))
        for follower in followers { #expect(try await follower.value.isReplay("A")) }
    }

    @Test("Scenario 41: 100,000 distinct keys over 64 tasks: as many runs, and every in-process entry freed")
    func burst() async throws {
        let store = InMemoryIdempotencyStore()
        let interceptor = IdempotencyInterceptor(store: store)
        let runs = Counter()
        let scope = try IdempotencyScope("burst")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for index in stride(from: task, to: 100_000, by: 64) {
                        let key = try IdempotencyKey(scope: scope, value: "\(index)")
                        #expect(try await interceptor.idempotent(key: key) { _ in runs.add() } > 0)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value == 100_000)
        #expect(store.count == 100_000)
        #expect(await interceptor.shutdown(within: .seconds(1)) == 0, "nothing is in flight")
    }

    @Test("I4, I5, I9: 64 tasks over 200 keys, each key 50 times: one run a key, and one result for all")
    func contention() async throws {
        let store = InMemoryIdempotencyStore()
        let interceptors = (0..<2).map { _ in IdempotencyInterceptor(store: store) }
        let runs = Shared<[String: Int]>([:])
        let seen = Shared<[String: Set<String>]>([:])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for index in 0..<200 {
                        let name = "k-\((index * 7 + task * 13) % 200)"
                        let value = try await interceptors[task % 2].idempotent(key: key(name)) { execution in
                            runs.update { $0[name, default: 0] += 1 }
                            return "\(task) \(execution.token!)"
                        }
                        seen.update { $0[name, default: []].insert(value) }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value.count == 200)
        #expect(runs.value.values.allSatisfy { $0 == 1 })
        #expect(seen.value.values.allSatisfy { $0.count == 1 })
    }
}
