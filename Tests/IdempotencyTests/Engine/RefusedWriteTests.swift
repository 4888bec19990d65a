import IdempotencyTesting
import TestSupport
import Testing

@testable import Idempotency

@Suite("A store that can be read and refuses writes for a while", .timeLimit(.minutes(10)))
struct RefusedWriteTests {
    /// Moves the clock on in small steps, each once all tasks wait.
    private func pass(_ span: Duration, on node: Node) async {
        for _ in 0..<Int(span / .milliseconds(100)) {
            await node.executor.waitUntilIdle()
            node.clock.advance(by: .milliseconds(100))
        }
        await node.executor.waitUntilIdle()
    }

    @Test("A finish is repeated until the store takes it, for as long as the lease holds")
    func finishIsRepeated() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(60)))
        let gate = Gate()
        let call = await node.run(key(), until: gate, returning: "receipt")
        node.store.refuseWrites()
        gate.open()
        await pass(.seconds(20), on: node)
        #expect(node.log.count(.unsaved) == 0)
        node.store.revive()
        await pass(.seconds(2), on: node)
        #expect(try await call.value.isRun("receipt"))
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "no" }.isReplay("receipt"))
        // Not asked all the time: the pause grows to more than a second.
        #expect(node.store.writes < 40)
    }

    @Test("A final failure and a step's result are repeated as well")
    func othersAreRepeated() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(60)))
        let gate = Gate()
        let call = Task(executorPreference: node.executor) {
            try await node.interceptor.idempotent(key: key(), failures: CardError.self) { execution -> String in
                try await execution.step("mail") {
                    await gate.pass()
                }
                throw CardError.declined(reason: "limit", code: 51)
            }
        }
        await node.log.wait(for: .claimed)
        for _ in 1...2 {
            node.store.refuseWrites()
            gate.open()
            await pass(.seconds(20), on: node)
            node.store.revive()
            // The step is recorded in the first round, and the failure follows it.
            await node.executor.waitUntilIdle()
            node.store.refuseWrites()
            node.clock.advance(by: .seconds(2))
            await node.executor.waitUntilIdle()
            node.store.revive()
        }
        await pass(.seconds(2), on: node)
        await #expect(throws: CardError.declined(reason: "limit", code: 51)) { try await call.value }
        guard case .failed = try await node.interceptor.status(of: key()) else {
            Issue.record("the failure is not kept")
            return
        }
    }

    @Test("Once the lease is over the result is attached to the error, whose cause is the store's own")
    func givenUpWithTheLease() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(10)))
        let gate = Gate()
        let call = await node.run(key(), until: gate, returning: "receipt")
        node.store.refuseWrites()
        gate.open()
        await pass(.seconds(9), on: node)
        #expect(node.log.count(.unsaved) == 0)
        await pass(.seconds(3), on: node)
        let error = await #expect(throws: IdempotencyError.self) { try await call.value }
        #expect(error?.code == .resultNotSaved)
        #expect(error?.cause is FaultyStore.Down)
        #expect(try error?.result(as: String.self) == "receipt")
    }

    @Test("A store that refuses the very version it answers with ends no run before its lease")
    func conflictWithoutAnotherWriter() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(10)))
        let gate = Gate()
        let call = await node.run(key(), until: gate, returning: "receipt")
        let there = try #require(try await node.memory.load(key()))
        for number in 1...10 { node.store.disturb(write: number, .answer(.conflict(there))) }
        gate.open()
        await pass(.seconds(9), on: node)
        #expect(try await call.value.isRun("receipt"))
    }
}
