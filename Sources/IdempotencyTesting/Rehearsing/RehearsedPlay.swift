internal import Idempotency

/// A handler, its client and its world, to be played with one disturbance after the other.
@available(Idempotency 0.1, *)
struct RehearsedPlay<World: Sendable, Value: Equatable & Sendable, Effects: Equatable & Sendable>: Sendable {
    let policy: OperationPolicy
    let store: @Sendable (ManualClock) -> any IdempotencyStore
    let world: @Sendable () -> World
    let client: @Sendable (IdempotencyInterceptor, World) async throws -> Value
    let effects: @Sendable (World) async -> Effects

    /// When another process is called: by then the lease of one that is gone or has stopped is over.
    private var patience: Duration { policy.lease + .seconds(1) }

    /// Plays to the end.
    ///
    /// - Throws: What the client is thrown, if nothing disturbs it.
    func end(_ disturbance: Disturbance?) throws -> RehearsedEnding<Value, Effects> {
        try Simulation.run(seed: 1) { simulation in
            let (clock, world) = (simulation.clock, world())
            let base = store(clock)
            let process = RehearsedProcess(base, disturbance, stall: patience * 3, simulation)
            let first = IdempotencyInterceptor(store: process, policy: policy, runtime: simulation.runtime(seed: 1))
            let second = IdempotencyInterceptor(store: base, policy: policy, runtime: simulation.runtime(seed: 2))
            let before = await effects(world)

            /// Calls until it is answered.
            @Sendable func answer(isTried: Bool = false) async throws -> RehearsedAnswer<Value> {
                try await self.answer(world, clock, isTried: isTried) {
                    let called = process.isGone ? second : first
                    return try await process.whileAlive { try await client(called, world) }
                }
            }
            @Sendable func answer(of other: IdempotencyInterceptor) async throws -> RehearsedAnswer<Value> {
                try await self.answer(world, clock, isTried: true) { try await client(other, world) }
            }

            var answers: [RehearsedAnswer<Value>] = []
            if disturbance?.isStall == true {
                async let overlapping = {
                    await process.hasStopped()
                    try await clock.sleep(for: patience)
                    return try await answer(of: second)
                }()
                answers.append(try await answer(isTried: true))
                process.willNotStop()
                answers.append(try await overlapping)
            } else {
                answers.append(try await answer(isTried: disturbance != nil))
            }
            let (calls, answered) = (process.calls, await effects(world))
            // The answer may have been lost on its way to the client, who calls again: at once, and a while later, when
            // late requests have arrived and another process serves. Well within the retention.
            answers.append(try await answer(isTried: true))
            try await clock.sleep(for: min(policy.lease, policy.retention / 4))
            let later = IdempotencyInterceptor(store: base, policy: policy, runtime: simulation.runtime(seed: 3))
            answers.append(try await answer(of: later))
            return RehearsedEnding(
                answers: answers,
                before: before,
                answered: answered,
                effects: await effects(world),
                calls: calls
            )
        }.result
    }

    /// Calls until there is an answer.
    ///
    /// - Parameter isTried: Whether a call that throws is repeated.
    private func answer(
        _ world: World,
        _ clock: ManualClock,
        isTried: Bool,
        _ call: @Sendable () async throws -> Value?
    ) async throws -> RehearsedAnswer<Value> {
        var last = RehearsedAnswer<Value>.error("no answer")
        for attempt in 1...10 {
            if attempt > 1 { try await clock.sleep(for: patience) }
            do {
                if let value = try await call() { return .value(value) }
            } catch {
                if !isTried { throw error }
                if (error as? IdempotencyError)?.code == .outcomeUnknown { return .unknown }
                last = .error("\(error)")
            }
        }
        return last
    }
}
