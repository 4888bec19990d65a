import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import Testing

@Suite("A handler rehearsed under everything that can happen to it", .timeLimit(.minutes(10)))
struct HandlerRehearsalTests {
    /// What handlers here change.
    private actor World {
        private(set) var charges: [String] = []
        private(set) var mails = 0

        /// Charges once per reference, as a bank does.
        func charge(_ reference: String) -> String {
            if !charges.contains(reference) { charges.append(reference) }
            return "receipt \(charges.count)"
        }

        /// Charges each time.
        func chargeAgain() -> String {
            charges.append("some")
            return "receipt"
        }

        func mail() { mails += 1 }

        var effects: [Int] { [charges.count, mails] }
    }

    private func rehearse(
        policy: OperationPolicy = .standard,
        _ handler: @escaping @Sendable (IdempotentExecution, World) async throws -> String
    ) throws -> HandlerRehearsal.Report {
        try HandlerRehearsal.run(
            handler: handler,
            policy: policy,
            store: { InMemoryIdempotencyStore(clock: $0) },
            world: { World() },
            effects: { await $0.effects }
        )
    }

    @Test("A handler whose effect is made once downstream passes every scenario")
    func good() throws {
        let report = try rehearse { execution, world in
            let reference = try execution.key(for: "bank").value
            return try await execution.step("charge") { await world.charge(reference) }
        }
        #expect(report.findings.isEmpty, "\(report)")
        // Three calls to the store, each in eleven ways; and the run that all are compared with.
        #expect(report.scenarios == 1 + 3 * 11)
    }

    @Test("Code that calls its handler through an interceptor is rehearsed as it is")
    func client() throws {
        let report = try HandlerRehearsal.run(store: { InMemoryIdempotencyStore(clock: $0) }, world: { World() }) {
            interceptor,
            world in
            let key = try IdempotencyKey(operation: "charge", value: "order-7")
            return try await interceptor.idempotent(key: key) { _ in await world.charge("order-7") }
        } effects: { world in
            await world.charges
        }
        #expect(report.findings.isEmpty, "\(report)")
        // The claim and the finish.
        #expect(report.scenarios == 1 + 2 * 11)
    }

    @Test("A finding says at which call it happened, and what that was for")
    func findings() throws {
        let report = try rehearse { execution, world in
            try await execution.step("charge") { await world.chargeAgain() }
        }
        #expect(
            report.findings.map(\.scenario) == [
                "call 2, the record of step 'charge': the process dies before it",
                "call 2, the record of step 'charge': the store is away from there on",
                "call 2, the record of step 'charge': the process stops before it for longer than its lease",
            ]
        )
        #expect("\(report)".hasPrefix("34 scenarios, 3 findings\ncall 2, the record of step 'charge': "))
    }

    @Test("A process that dies after a step does nothing more, not even what follows an error")
    func death() throws {
        let report = try rehearse { execution, world in
            do {
                let receipt = try await execution.step("charge") { await world.charge("r") }
                try await execution.step("book") {}
                return receipt
            } catch {
                await world.mail()
                throw error
            }
        }
        #expect(!report.findings.isEmpty)
        #expect(!report.findings.contains { $0.scenario.contains("the process dies") }, "\(report)")
    }

    @Test("One that charges each time is found out where the process dies between the effect and its record")
    func bad() throws {
        let report = try rehearse { execution, world in try await execution.step("charge") { await world.chargeAgain() }
        }
        #expect(!report.findings.isEmpty)
        #expect(
            report.findings.allSatisfy { $0.message.contains("effects were [2, 0] instead of [1, 0]") },
            "\(report)"
        )
        #expect(report.findings.contains { $0.scenario.contains("dies") })
    }

    @Test("One that mails outside of a step is found out where the process dies after it")
    func mailOutsideOfAStep() throws {
        let report = try rehearse { execution, world in
            await world.mail()
            return try await execution.step("charge") { await world.charge("r") }
        }
        #expect(report.findings.contains { $0.message.contains("[1, 2]") })
    }

    @Test("Under .refuse nothing is done twice: what nobody knows is an answer")
    func strict() throws {
        let report = try rehearse(policy: try OperationPolicy(lapse: .refuse)) { _, world in await world.chargeAgain() }
        #expect(report.findings.isEmpty, "\(report)")
    }

    @Test("One that answers differently each time it runs is found out")
    func answers() throws {
        let report = try rehearse { execution, world in
            _ = try await execution.step("charge") { await world.charge("r") }
            return "attempt \(execution.attempt)"
        }
        #expect(report.findings.contains { $0.message.contains("attempt 2") }, "\(report)")
    }

    @Test("An effect without protection is found out when the answered call is repeated")
    func failOpen() throws {
        let policy = try OperationPolicy(lapse: .refuse, storeFailure: .failOpen)
        let report = try rehearse(policy: policy) { _, world in await world.chargeAgain() }
        #expect(report.findings.map(\.scenario) == ["call 1, the claim: the store is away from there on"])
        #expect(
            report.findings.first?.message
                == "the effects were [2, 0] instead of [1, 0] when the answered call had been repeated"
        )
        let good = try rehearse(policy: policy) { execution, world in
            await world.charge(try execution.key(for: "bank").value)
        }
        #expect(good.findings.isEmpty, "\(good)")
    }

    @Test("A client whose calls the store never sees is found out, whatever keeps it away")
    func unprotected() throws {
        let off = try rehearse(policy: try OperationPolicy(mode: .off)) { _, world in await world.charge("r") }
        #expect(off.findings.count == 1, "\(off)")
        #expect(off.findings.first?.message.hasPrefix("the store was never called") ?? false, "\(off)")

        let other = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
        let aside = try HandlerRehearsal.run(store: { InMemoryIdempotencyStore(clock: $0) }, world: { World() }) {
            _,
            world in
            let key = try IdempotencyKey(operation: "charge", value: "order-7")
            return try await other.idempotent(key: key) { _ in await world.charge("order-7") }
        } effects: { world in
            await world.charges
        }
        #expect(aside.findings.contains { $0.message.hasPrefix("the store was never called") }, "\(aside)")
    }

    @Test("A run that stops for longer than its lease meets another one: without a step it charges twice")
    func stall() throws {
        let naive = try rehearse { _, world in await world.chargeAgain() }
        let stalls = naive.findings.filter { $0.scenario.hasSuffix("for longer than its lease") }
        #expect(stalls.map(\.scenario) == ["call 2, the finish: the process stops before it for longer than its lease"])
        #expect(stalls.allSatisfy { $0.message.contains("[2, 0] instead of [1, 0]") }, "\(naive)")
    }

    @Test("A run that goes on past its lease beside another one is found out by what it does after its last step")
    func zombie() throws {
        // Between the step and the mail nobody asks the store.
        let report = try rehearse { execution, world in
            let receipt = try? await execution.step("charge") { await world.charge("r") }
            await world.mail()
            return receipt ?? "receipt 1"
        }
        #expect(
            report.findings.contains {
                $0.scenario.contains("step 'charge': the process stops") && $0.message.contains("[1, 2]")
            },
            "\(report)"
        )
    }

    @Test("A handler that sleeps on another clock is told so, and does not pass")
    func realSleep() {
        // Which of the two depends on whether the sleep is over before the rehearsal has come to its end.
        let error = #expect(throws: (any Error).self) {
            try rehearse { _, world in
                try await Task.sleep(for: .milliseconds(1))
                return await world.charge("r")
            }
        }
        #expect(error is Simulation.LeftSimulation || error is Simulation.Deadlock)
        #expect(error.map { "\($0)".contains("Task.sleep") } ?? false)
    }
}
