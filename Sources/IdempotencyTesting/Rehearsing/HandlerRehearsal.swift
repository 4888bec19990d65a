public import Idempotency

/// Runs a handler under everything that can happen to it, and says whether its effects and its result are still those of a
/// run that nothing happened to.
///
/// Each scenario begins with a fresh world (the accounts, the mailbox, whatever the handler changes) and an empty store; a
/// client calls the key, and calls again until it is answered.
///
/// - Without a disturbance: what all others are compared with.
/// - With each call to the store going wrong once, in each way of ``StoreFault``.
/// - With the process dying at each call to the store, so after each step too: before the call's change is made, and right
///   after it. Another process takes the key over when the lease is over.
///
/// ```swift
/// let report = try HandlerRehearsal.run(store: { InMemoryIdempotencyStore(clock: $0) }, world: { FakeBank() }) {
///     interceptor, bank in
///     try await Payments(interceptor: interceptor, bank: bank).charge(ChargeRequest(id: "order-7", cents: 1250))
/// } effects: { bank in
///     await bank.charges
/// }
/// #expect(report.findings.isEmpty, "\(report)")
/// ```
///
/// A handler whose effect is not made once by something downstream fails the scenarios in which the process dies between the
/// effect and its record: nobody can tell them from a death before the effect. An outcome that is unknown counts as an
/// answer, where the effects are those of one run or of none.
@available(Idempotency 0.1, *)
public enum HandlerRehearsal {
    /// What a rehearsal found.
    public struct Report: Sendable, CustomStringConvertible {
        /// How many scenarios were run.
        public let scenarios: Int
        /// What differed from the run without a disturbance.
        public let findings: [Finding]

        /// The findings, one a line.
        public var description: String {
            "\(scenarios) scenarios, \(findings.count) findings"
                + findings.map { "\n\($0.scenario): \($0.message)" }.joined()
        }
    }

    /// A scenario that ended otherwise than the run without a disturbance.
    public struct Finding: Sendable {
        /// What was done to the handler.
        public let scenario: String
        /// What was expected, and what came instead.
        public let message: String
    }

    private enum Disturbance: Sendable, CustomStringConvertible {
        case none
        case fault(StoreFault, at: Int)
        case death(at: Int, afterApplying: Bool)

        var description: String {
            switch self {
            case .none: "undisturbed"
            case .fault(let fault, let number): "call \(number) to the store: \(fault)"
            case .death(let number, true): "the process dies right after its call \(number) to the store"
            case .death(let number, false): "the process dies at its call \(number) to the store"
            }
        }
    }

    private enum Answer<Value: Equatable & Sendable>: Equatable, Sendable {
        case value(Value)
        case error(String)
        case unknown
    }

    private struct Ending<Value: Equatable & Sendable, Effects: Equatable & Sendable>: Sendable {
        var answer: Answer<Value>
        /// What there was before the first call.
        var before: Effects
        var effects: Effects
        var calls: Int
    }

    /// Runs every scenario.
    ///
    /// - Parameters:
    ///   - policy: The policy of the interceptors that the client is given.
    ///   - store: Makes an empty store on a clock.
    ///   - world: Makes what the handler changes.
    ///   - client: Calls the operation once, always with the same key.
    ///   - effects: What has been changed, as a value to compare.
    /// - Returns: What was found.
    /// - Throws: What the client is thrown without a disturbance, or ``Simulation/Deadlock`` if it waits for something that is
    ///   outside of the simulation.
    public static func run<World: Sendable, Value: Equatable & Sendable, Effects: Equatable & Sendable>(
        policy: OperationPolicy = .standard,
        store: @escaping @Sendable (ManualClock) -> any IdempotencyStore,
        world: @escaping @Sendable () -> World,
        client: @escaping @Sendable (IdempotencyInterceptor, World) async throws -> Value,
        effects: @escaping @Sendable (World) async -> Effects
    ) throws -> Report {
        func end(_ disturbance: Disturbance) throws -> Ending<Value, Effects> {
            try Simulation.run(seed: 1) { simulation in
                let world = world()
                let base = store(simulation.clock)
                let way = FaultInjectingStore(base, clock: simulation.clock, executor: simulation.executor)
                switch disturbance {
                case .none: break
                case .fault(let fault, let number): way.inject(fault, at: number)
                case .death(let number, let afterApplying): way.cut(at: number, afterApplying: afterApplying)
                }
                let first = IdempotencyInterceptor(store: way, policy: policy, runtime: simulation.runtime(seed: 1))
                let second = IdempotencyInterceptor(store: base, policy: policy, runtime: simulation.runtime(seed: 2))
                let before = await effects(world)
                var answer = Answer<Value>.error("no answer")
                for attempt in 1...10 {
                    do {
                        answer = .value(try await client(way.isDown ? second : first, world))
                        break
                    } catch {
                        if case .none = disturbance { throw error }
                        let code = (error as? IdempotencyError)?.code
                        answer = code == .outcomeUnknown ? .unknown : .error("\(error)")
                        if case .unknown = answer { break }
                    }
                    // By then a dead process's lease is over.
                    if attempt < 10 { try await simulation.clock.sleep(for: policy.lease + .seconds(1)) }
                }
                return Ending(
                    answer: answer,
                    before: before,
                    effects: await effects(world),
                    calls: way.callCount()
                )
            }.result
        }

        let undisturbed = try end(.none)
        var scenarios = 1
        var findings: [Finding] = []
        for number in 1...max(1, undisturbed.calls) {
            let deaths = [true, false].map { Disturbance.death(at: number, afterApplying: $0) }
            for disturbance in StoreFault.allCases.map({ Disturbance.fault($0, at: number) }) + deaths {
                scenarios += 1
                let ending = try end(disturbance)
                if ending.effects != undisturbed.effects, ending.answer != .unknown || ending.effects != ending.before {
                    let message = "the effects were \(ending.effects) instead of \(undisturbed.effects)"
                    findings.append(Finding(scenario: "\(disturbance)", message: message))
                }
                if ending.answer != undisturbed.answer, ending.answer != .unknown {
                    let message = "the answer was \(ending.answer) instead of \(undisturbed.answer)"
                    findings.append(Finding(scenario: "\(disturbance)", message: message))
                }
            }
        }
        return Report(scenarios: scenarios, findings: findings)
    }
}
