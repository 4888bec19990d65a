import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@testable import Idempotency

@Suite("Steps, and what a handler knows of its run", .timeLimit(.minutes(10)))
struct StepAndExecutionTests {
    @Test("A finished step is skipped by a re-run, which has its result")
    func stepsAreKept() async throws {
        let node = Node()
        let charges = Counter()
        let handler: @Sendable (IdempotentExecution) async throws -> [Int] = { execution in
            let charge = try await execution.step("charge") { charges.add() }
            let raw = try await execution.step("raw") { [UInt8(1), 2] }
            try await execution.step("note") { _ = charges.value }
            if !execution.isRerun { throw Boom() }
            return [charge] + raw.map(Int.init)
        }
        await #expect(throws: Boom()) { try await node.interceptor.idempotent(key: key(), handler: handler) }
        #expect(try await node.interceptor.idempotent(key: key(), handler: handler) == [1, 1, 2])
        #expect(charges.value == 1)
    }

    @Test("Steps survive the death of their process, and a takeover")
    func stepsSurviveDeath() async throws {
        let dead = Node()
        let charges = Counter()
        let never = Gate()
        let stepped = Gate()
        let lost = dead.interceptor.start(key()) { execution in
            try await execution.step("charge") { _ = charges.add() }
            stepped.open()
            await never.pass()
            return "no"
        }
        await stepped.pass()
        dead.store.kill()
        dead.clock.advance(by: .seconds(31))
        let outcome = try await dead.another().interceptor.outcome(key: key()) { execution in
            try await execution.step("charge") { _ = charges.add() }
            return "rerun"
        }
        #expect(outcome.isRun("rerun"))
        #expect(charges.value == 1)
        never.open()
        _ = await lost.result
    }

    @Test("A name used twice in one run throws")
    func repeatedName() async throws {
        let node = Node()
        let code = await refusal {
            try await node.interceptor.idempotent(key: key()) { execution in
                try await execution.step("charge") {}
                try await execution.step("charge") {}
            }
        }
        #expect(code == .repeatedStep)
    }

    @Test("Names that Swift calls equal, but whose bytes differ, are two steps")
    func namesByBytes() async throws {
        let taken = try await Node().interceptor.idempotent(key: key()) { execution in
            let first = try await execution.step("caf\u{E9}") { 1 }
            return try await execution.step("cafe\u{301}") { first + 1 }
        }
        #expect(taken == 2)
    }

    @Test("An unkeepable step result is a tombstone: the step is never run again")
    func stepTombstone() async throws {
        let node = Node(try OperationPolicy(maximumResultSize: 10))
        let steps = Counter()
        let handler: @Sendable (IdempotentExecution) async throws -> Int = { execution in
            _ = try await execution.step("large") {
                steps.add()
                return [UInt8](repeating: 0, count: 11)
            }
            throw Boom()
        }
        await #expect(throws: Boom()) { try await node.interceptor.idempotent(key: key(), handler: handler) }
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key(), handler: handler) } == .resultNotKept
        )
        #expect(steps.value == 1)
    }

    @Test("A step that could not be recorded keeps the key from being released")
    func stepNotSaved() async throws {
        let node = Node()
        let task = node.interceptor.start(key()) { execution in
            node.store.kill()
            defer { node.store.revive() }
            try await execution.step("charge") {}
            return "no"
        }
        await node.log.wait(for: .storeFailed, count: 2)
        await node.clock.waitForSleeper(within: .seconds(1))
        node.clock.advance(by: .seconds(31))
        #expect(await refusal { _ = try await task.value } == .resultNotSaved)
        #expect(try #require(await node.memory.load(key())).record.isPending)
    }

    @Test("What an inner call could not save is a failure like any other: the outer key is free to run again")
    func unsavedInnerResult() async throws {
        let outer = Node()
        let store = FaultInjectingStore(InMemoryIdempotencyStore())
        let inner = IdempotencyInterceptor(store: store, policy: try OperationPolicy(lease: .seconds(1)))
        let task = outer.interceptor.start(key()) { _ in
            try await inner.idempotent(key: IdempotencyKey(operation: "inner", value: "1")) { _ in
                store.isDown = true
                return "inner"
            }
        }
        #expect(await refusal { _ = try await task.value } == .resultNotSaved)
        #expect(try await outer.interceptor.idempotent(key: key()) { _ in "again" } == "again")
    }

    @Test("No step is begun past the lease without asking the store")
    func stepPastTheLease() async throws {
        let a = Node()
        let steps = Counter()
        let go = Gate()
        let running = a.interceptor.start(key()) { execution in
            await go.pass()
            try await execution.step("charge") { _ = steps.add() }
            return "no"
        }
        await a.log.wait(for: .claimed)
        a.store.loseRenewals()
        a.clock.advance(by: .seconds(31))
        let finish = Gate()
        let b = a.another()
        let other = b.interceptor.start(key()) { _ in
            await finish.pass()
            return "B"
        }
        await b.log.wait(for: .takenOver)
        a.store.revive()
        go.open()
        _ = await running.result
        #expect(steps.value == 0)
        finish.open()
        #expect(try await other.value.isRun("B"))
    }

    @Test("Steps that run side by side are all kept")
    func parallelSteps() async throws {
        let node = Node()
        _ = try? await node.interceptor.idempotent(key: key()) { execution -> Int in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 { group.addTask { try await execution.step("s-\(index)") {} } }
                try await group.waitForAll()
            }
            throw Boom()
        }
        #expect(try #require(await node.memory.load(key())).record.checkpoints.count == 20)
    }

    @Test("checkLease is silent while the lease holds, renews when it may be over, and throws when it is lost")
    func checkLease() async throws {
        let a = Node()
        let b = a.another()
        let code = await refusal {
            try await a.interceptor.idempotent(key: key()) { execution in
                try await execution.checkLease()
                #expect(a.store.writes == 1)
                #expect(execution.leaseRemaining == .seconds(30))
                a.clock.advance(by: .seconds(31))
                try await execution.checkLease()
                #expect(try #require(execution.leaseRemaining) > .zero)
                a.store.loseRenewals()
                a.clock.advance(by: .seconds(31))
                await a.executor.waitUntilIdle()
                _ = try await b.interceptor.idempotent(key: key()) { _ in }
                #expect(execution.leaseRemaining == .zero)
                a.store.revive()
                try await execution.checkLease()
            }
        }
        #expect(code == .leaseLost)
    }

    @Test("Keys for downstream calls are the same in every attempt")
    func derivedKeys() async throws {
        let node = Node()
        var seen: [IdempotencyKey] = []
        for _ in 1...2 {
            _ = try? await node.interceptor.idempotent(key: key()) { execution in
                seen.append(try execution.key(for: "bank"))
                throw Boom()
            }
        }
        #expect(seen.count == 2)
        #expect(seen[0] == seen[1])
        #expect(try seen[0] == key().derived(for: "bank"))
    }

    @Test("Scenario 24: a handler that calls inside with another key works; with its own key it gets a clear error")
    func nested() async throws {
        let node = Node()
        let value = try await node.interceptor.idempotent(key: key("outer")) { _ in
            try await node.interceptor.idempotent(key: key("inner")) { _ in "inner" }
        }
        #expect(value == "inner")
        for other in [node.interceptor, node.interceptor.applying(try OperationPolicy(waitLimit: .zero))] {
            let code = await refusal {
                _ = try await node.interceptor.idempotent(key: key("self")) { _ in
                    // Also from a child task, and two levels down.
                    async let inner = node.interceptor.idempotent(key: key("between")) { _ in
                        try await other.idempotent(key: key("self")) { _ in "no" }
                    }
                    return try await inner
                }
            }
            #expect(code == .recursiveCall)
        }
    }

    @Test("What a handler started and left behind may use its key when the handler is over")
    func leftBehind() async throws {
        let node = Node()
        let later = Gate()
        let started = Shared<Task<Bool, any Error>?>(nil)
        let finish = Gate()
        let interceptor = node.interceptor
        let running = interceptor.start(key()) { _ in
            let task = Task {
                await later.pass()
                return try await interceptor.outcome(key: key()) { _ in "no" }.isReplay("B")
            }
            started.update { $0 = task }
            await finish.pass()
            return "A"
        }
        await node.log.wait(for: .claimed)
        node.store.loseRenewals()
        node.clock.advance(by: .seconds(31))
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "B" }.isRun("B"))
        finish.open()
        #expect(await refusal { _ = try await running.value } == .leaseLost)
        later.open()
        #expect(try await #require(started.value).value)
    }

    @Test("Jobs that start each other do not keep all that were before them alive")
    func chainOfJobs() async throws {
        let node = Node()
        let interceptor = node.interceptor
        let depth = Shared(-1)
        let done = Gate()
        @Sendable func hop(_ number: Int) async {
            _ = try? await interceptor.idempotent(key: key("k-\(number)")) { _ -> Int in
                guard number < 300 else {
                    var length = 0
                    var run = Run.current
                    while let current = run {
                        length += 1
                        run = current.enclosing
                    }
                    let found = length
                    depth.update { $0 = found }
                    done.open()
                    return number
                }
                Task {
                    await node.log.wait(for: .completed, count: number + 1)
                    await hop(number + 1)
                }
                return number
            }
        }
        await hop(0)
        await done.pass()
        #expect(depth.value < 10)
    }

    @Test("The same key in another store is another matter")
    func nestedInAnotherStore() async throws {
        let value = try await Node().interceptor.idempotent(key: key()) { _ in
            try await Node().interceptor.idempotent(key: key()) { _ in "inner" }
        }
        #expect(value == "inner")
    }
}
