import Idempotency
import IdempotencyTesting
import TestSupport
import Testing

@Suite("One failed run starts no chain of runs", .timeLimit(.minutes(10)))
struct FailureChainTests {
    /// The processes that are called, and what their calls do.
    private struct World {
        let first: Node
        let nodes: [Node]
        let runs = Counter()
        let gate = Gate()

        init(_ policy: OperationPolicy = .standard, processes: Int = 3) {
            let first = Node(policy)
            self.first = first
            nodes = [first] + (1..<processes).map { first.another(seed: UInt64($0 + 1)) }
        }

        /// Starts the run that all others wait for, which throws once the gate is open.
        func lead() async -> Task<IdempotentOutcome<String>, any Error> {
            let leader = first.interceptor.start(key()) { [runs, gate] _ in
                runs.add()
                await gate.pass()
                throw Boom()
            }
            await first.log.wait(for: .claimed)
            return leader
        }

        /// Starts calls that would run and fail too, and returns once all of them wait.
        func follow(on node: Node, calls: Int) async -> [Task<IdempotentOutcome<String>, any Error>] {
            let waiting = node.log.count(.waiting)
            let tasks = (0..<calls).map { _ in
                node.interceptor.start(key()) { [runs] _ in
                    runs.add()
                    throw Boom()
                }
            }
            await node.log.wait(for: .waiting, count: waiting + calls)
            return tasks
        }

        /// Moves the clock on until every task has ended.
        func finish(_ tasks: [Task<IdempotentOutcome<String>, any Error>]) async {
            let ended = Counter()
            for task in tasks {
                Task {
                    _ = await task.result
                    ended.add()
                }
            }
            for _ in 0..<100 where ended.value < tasks.count {
                for node in nodes { await node.executor.waitUntilIdle() }
                first.clock.advance(by: .milliseconds(500))
            }
            await ended.wait(for: tasks.count)
        }
    }

    @Test("Twelve calls of three processes wait for a run that throws: all are told so, and none of them runs")
    func allThatWaited() async throws {
        let world = World()
        let leader = await world.lead()
        var waiting: [Task<IdempotentOutcome<String>, any Error>] = []
        for node in world.nodes { waiting += await world.follow(on: node, calls: 4) }
        world.gate.open()
        await #expect(throws: Boom()) { try await leader.value }
        await world.finish(waiting)
        for task in waiting { #expect(await refusal { _ = try await task.value } == .attemptFailed) }
        #expect(world.runs.value == 1)
        let later = try await world.nodes[1].interceptor.outcome(key: key()) { $0.attempt }
        #expect(later.isRun(2), "a later call runs again")
    }

    @Test("A caller that inherits the lead waited for the same run, and does not run after its failure")
    func heirOfACancelledLeader() async throws {
        let world = World(processes: 2)
        let leader = await world.lead()
        let elsewhere = world.nodes[1]
        let waiting = await world.follow(on: elsewhere, calls: 2)
        world.gate.open()
        await #expect(throws: Boom()) { try await leader.value }
        // It leads its process's flight, and leaves before it has looked again.
        waiting[0].cancel()
        await world.finish(waiting)
        #expect(await refusal { _ = try await waiting[1].value } == .attemptFailed)
        #expect(world.runs.value == 1)
    }

    @Test("A failure that could not be recorded at once counts for those that waited as well")
    func failureRecordedLate() async throws {
        let world = World(processes: 1)
        let leader = await world.lead()
        let waiting = await world.follow(on: world.first, calls: 3)
        world.first.store.disturb(write: 1, .failBefore)
        world.first.store.disturb(write: 2, .failBefore)
        world.gate.open()
        await #expect(throws: Boom()) { try await leader.value }
        await world.finish(waiting)
        for task in waiting { #expect(await refusal { _ = try await task.value } == .attemptFailed) }
        #expect(world.runs.value == 1)
    }

    @Test("A claim that was made upon the failure and given back does not hide it from those that waited")
    func failureUnderAReleasedClaim() async throws {
        let world = World(processes: 3)
        let leader = await world.lead()
        let waiting = await world.follow(on: world.nodes[1], calls: 2)
        world.gate.open()
        await #expect(throws: Boom()) { try await leader.value }
        // A later call of a third process claims the key, and is gone before its handler is entered.
        let reply = Gate()
        let late = world.nodes[2]
        late.store.disturb(write: 2, .holdReply(reply))
        let cancelled = late.interceptor.start(key()) { _ in "must not run" }
        await late.store.waitForWrites(2)
        cancelled.cancel()
        reply.open()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(try await late.interceptor.status(of: key()) == .retryable(attempt: 1))
        await world.finish(waiting)
        for task in waiting { #expect(await refusal { _ = try await task.value } == .attemptFailed) }
        #expect(world.runs.value == 1)
    }

    @Test("A run that was never entered is no failure: one of those that waited runs")
    func neverEntered() async throws {
        let first = Node()
        let reply = Gate()
        first.store.disturb(write: 1, .holdReply(reply))
        let cancelled = first.interceptor.start(key()) { _ in "must not run" }
        await first.store.waitForWrites(1)
        let elsewhere = first.another()
        let waiting = (0..<3).map { _ in elsewhere.interceptor.start(key()) { _ in "ran" } }
        await elsewhere.log.wait(for: .waiting, count: 3)
        cancelled.cancel()
        reply.open()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        await elsewhere.clock.waitForSleeper(within: .seconds(1))
        first.clock.advance(by: .seconds(1))
        var ran = 0
        for task in waiting {
            let outcome = try await task.value
            if outcome.isRun("ran") { ran += 1 } else { #expect(outcome.isReplay("ran")) }
        }
        #expect(ran == 1)
    }

    @Test("Under .reconcile a run that throws is told to those that waited, and the hook is asked by a later call")
    func reconciled() async throws {
        let asked = Counter()
        let policy = try OperationPolicy(
            lapse: .reconcile { _ in
                asked.add()
                return .runAgain
            }
        )
        let world = World(policy)
        let leader = await world.lead()
        var waiting: [Task<IdempotentOutcome<String>, any Error>] = []
        for node in world.nodes { waiting += await world.follow(on: node, calls: 2) }
        world.gate.open()
        await #expect(throws: Boom()) { try await leader.value }
        await world.finish(waiting)
        for task in waiting { #expect(await refusal { _ = try await task.value } == .attemptFailed) }
        #expect(world.runs.value == 1)
        #expect(asked.value == 0)
        #expect(try await world.first.interceptor.outcome(key: key()) { $0.attempt }.isRun(2))
        #expect(asked.value == 1)
    }
}
