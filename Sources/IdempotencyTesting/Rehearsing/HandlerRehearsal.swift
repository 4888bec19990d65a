public import Idempotency

/// Runs a handler under everything that can happen to it, and says whether its effects and its result are still those of a
/// run that nothing happened to.
///
/// ```swift
/// let report = try HandlerRehearsal.run(
///     handler: { execution, bank in
///         let reference = try execution.key(for: "bank").value
///         return try await execution.step("charge") { await bank.charge(1250, reference: reference) }
///     },
///     store: { InMemoryIdempotencyStore(clock: $0) },
///     world: { FakeBank() },
///     effects: { await $0.charges }
/// )
/// #expect(report.findings.isEmpty, "\(report)")
/// ```
///
/// The rehearsal counts the handler's calls to the store without a disturbance: the claim, one for each step, the finish.
/// Then it disturbs each of them in each way, one way a scenario, with a fresh world (the accounts, the mailbox, whatever
/// the handler changes) and an empty store; a client calls with one key, and calls again until it is answered.
///
/// - The call goes wrong once, in each way of ``StoreFault``.
/// - The process dies before the call, or right after it, and so after each step: nothing of it goes on. Another process
///   is called when the lease is over.
/// - The store is away from there on: the handler's task sees its calls fail, and another process is called later.
/// - The process stops before the call, or right after it, for longer than its lease, and its renewals with it. Another
///   process is called when the lease is over; then the one that stopped goes on.
///
/// Each client that has been answered calls twice more, as if the answer had been lost on its way: at once, and later,
/// when another process serves. It has to get the same answer, and nothing may happen again. A client that never makes
/// the store be called is a finding, too: nothing is protected.
///
/// Time is virtual, and a scenario repeats exactly. The world must not wait for anything outside of the rehearsal: no real
/// clock, `Task.sleep` included, no network, no main actor.
///
/// A handler whose effect is not made once by something downstream fails the scenarios in which the process dies between
/// the effect and its record: nobody can tell them from a death before the effect. An outcome that is unknown counts as an
/// answer, where the effects are those of one run or of none.
@available(Idempotency 0.1, *)
public enum HandlerRehearsal {
    /// What a rehearsal found.
    public struct Report: Sendable, CustomStringConvertible {
        /// How many scenarios were run, the undisturbed one included.
        public let scenarios: Int
        /// What differed from the run without a disturbance.
        public let findings: [Finding]

        /// The findings, one a line.
        public var description: String {
            "\(scenarios) scenarios, \(findings.count) findings" + findings.map { "\n\($0)" }.joined()
        }
    }

    /// A scenario that ended otherwise than the run without a disturbance.
    public struct Finding: Sendable, CustomStringConvertible {
        /// What was done to the handler: at which of its calls to the store, what that was for, and what happened.
        public let scenario: String
        /// What was expected, and what came instead.
        public let message: String

        /// Both, in a line.
        public var description: String { "\(scenario): \(message)" }
    }

    /// Rehearses a handler.
    ///
    /// - Parameters:
    ///   - handler: The handler, as an interceptor is given it.
    ///   - policy: The policy that it runs under.
    ///   - store: Makes an empty store on a clock.
    ///   - world: Makes what the handler changes.
    ///   - effects: What has been changed, as a value to compare.
    /// - Returns: What was found.
    /// - Throws: What the handler throws without a disturbance; ``Simulation/LeftSimulation`` or
    ///   ``Simulation/Deadlock`` if it waits for something that is outside of the rehearsal.
    public static func run<World: Sendable, Value: Codable & Equatable & Sendable, Effects: Equatable & Sendable>(
        handler: @escaping @Sendable (IdempotentExecution, World) async throws -> Value,
        policy: OperationPolicy = .standard,
        store: @escaping @Sendable (ManualClock) -> any IdempotencyStore,
        world: @escaping @Sendable () -> World,
        effects: @escaping @Sendable (World) async -> Effects
    ) throws -> Report {
        let key = try IdempotencyKey(operation: "rehearsal", value: "k")
        return try run(
            policy: policy,
            store: store,
            world: world,
            client: { interceptor, world in
                try await interceptor.idempotent(key: key) { try await handler($0, world) }
            },
            effects: effects
        )
    }

    /// Rehearses whatever calls its handlers through an interceptor: the code as it is in production.
    ///
    /// ```swift
    /// let report = try HandlerRehearsal.run(store: { InMemoryIdempotencyStore(clock: $0) }, world: { FakeBank() }) {
    ///     interceptor, bank in
    ///     try await Payments(interceptor: interceptor, bank: bank).charge(ChargeRequest(id: "order-7", cents: 1250))
    /// } effects: { bank in
    ///     await bank.charges
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - policy: The policy of the interceptors that the client is given.
    ///   - store: Makes an empty store on a clock.
    ///   - world: Makes what the handler changes.
    ///   - client: Calls the operation once, always with the same key. A failure that it expects it returns as a value.
    ///   - effects: What has been changed, as a value to compare.
    /// - Returns: What was found.
    /// - Throws: What the client is thrown without a disturbance; ``Simulation/LeftSimulation`` or
    ///   ``Simulation/Deadlock`` if it waits for something that is outside of the rehearsal.
    public static func run<World: Sendable, Value: Equatable & Sendable, Effects: Equatable & Sendable>(
        policy: OperationPolicy = .standard,
        store: @escaping @Sendable (ManualClock) -> any IdempotencyStore,
        world: @escaping @Sendable () -> World,
        client: @escaping @Sendable (IdempotencyInterceptor, World) async throws -> Value,
        effects: @escaping @Sendable (World) async -> Effects
    ) throws -> Report {
        let play = RehearsedPlay(policy: policy, store: store, world: world, client: client, effects: effects)
        let undisturbed = try play.end(nil)
        var scenarios = 1
        var findings = undisturbed.differences(from: undisturbed).map { Finding(scenario: "undisturbed", message: $0) }
        if undisturbed.calls.isEmpty {
            let message =
                "the store was never called: nothing is protected, or the interceptor is not the one that was handed in"
            findings.append(Finding(scenario: "undisturbed", message: message))
        }
        for (index, call) in undisturbed.calls.enumerated() {
            for disturbance in Disturbance.all(at: index + 1) {
                scenarios += 1
                let ending = try play.end(disturbance)
                findings += ending.differences(from: undisturbed).map {
                    Finding(scenario: "call \(index + 1), \(call): \(disturbance.what)", message: $0)
                }
            }
        }
        return Report(scenarios: scenarios, findings: findings)
    }
}
