internal import Idempotency

/// A handler, its client and its world, to be played with one disturbance after the other.
@available(Idempotency 0.1, *)
struct RehearsedPlay<World: Sendable, Value: Equatable & Sendable, Effects: Equatable & Sendable>: Sendable {
    enum Answer: Equatable, Sendable {
        case value(Value)
        case error(String)
        case unknown
    }

    struct Ending: Sendable {
        let answer: Answer
        /// What there was before the first call.
        let before: Effects
        let effects: Effects
        /// What the first process's calls to the store were for.
        let calls: [String]

        func differences(from undisturbed: Ending) -> [String] {
            var found: [String] = []
            if effects != undisturbed.effects, answer != .unknown || effects != before {
                found.append("the effects were \(effects) instead of \(undisturbed.effects)")
            }
            if answer != undisturbed.answer, answer != .unknown {
                found.append("the answer was \(answer) instead of \(undisturbed.answer)")
            }
            return found
        }
    }

    let policy: OperationPolicy
    let store: @Sendable (ManualClock) -> any IdempotencyStore
    let world: @Sendable () -> World
    let client: @Sendable (IdempotencyInterceptor, World) async throws -> Value
    let effects: @Sendable (World) async -> Effects

    /// Plays to the end.
    ///
    /// - Throws: What the client is thrown, if nothing disturbs it.
    func end(_ disturbance: Disturbance?) throws -> Ending {
        try Simulation.run(seed: 1) { simulation in
            let world = world()
            let base = store(simulation.clock)
            let process = RehearsedProcess(base, disturbance, simulation)
            let first = IdempotencyInterceptor(store: process, policy: policy, runtime: simulation.runtime(seed: 1))
            let second = IdempotencyInterceptor(store: base, policy: policy, runtime: simulation.runtime(seed: 2))
            let before = await effects(world)
            var answer = Answer.error("no answer")
            for attempt in 1...10 {
                // By then a dead process's lease is over.
                if attempt > 1 { try await simulation.clock.sleep(for: policy.lease + .seconds(1)) }
                do {
                    let called = process.isGone ? second : first
                    guard let value = try await process.whileAlive({ try await client(called, world) }) else {
                        continue
                    }
                    answer = .value(value)
                    break
                } catch {
                    if disturbance == nil { throw error }
                    let code = (error as? IdempotencyError)?.code
                    answer = code == .outcomeUnknown ? .unknown : .error("\(error)")
                    if answer == .unknown { break }
                }
            }
            return Ending(
                answer: answer,
                before: before,
                effects: await effects(world),
                calls: process.calls
            )
        }.result
    }
}
