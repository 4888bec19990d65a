public import Idempotency
import Synchronization

/// Runs concurrent code on one thread and in virtual time, in an order that a seed determines.
///
/// Whatever runs in tasks that inherit or prefer its executor, and sleeps on its clock, repeats exactly. When nobody can go on, the
/// clock moves to the next sleeper; when nobody sleeps either, the simulation fails.
///
/// Nothing in it may wait for what runs elsewhere: `Task.sleep` and every other clock, the main actor, an actor with an
/// executor of its own, `Task.detached` without its executor, a socket. What comes back from there ends it with
/// ``LeftSimulation``, as no run of it could be repeated; what has not come back when nobody can go on, with ``Deadlock``.
///
/// ```swift
/// let (outcome, trace) = try Simulation.run(seed: 7) { simulation in
///     let store = InMemoryIdempotencyStore(clock: simulation.clock)
///     let interceptor = IdempotencyInterceptor(store: store, runtime: simulation.runtime(seed: 1))
///     return try await interceptor.outcome(key: key) { _ in 42 }
/// }
/// ```
@available(Idempotency 0.1, *)
public struct Simulation: Sendable {
    /// Nobody could go on, and nobody was asleep on the simulation's clock.
    public struct Deadlock: Error, CustomStringConvertible {
        /// What that means.
        public var description: String {
            "The simulation stands still: a task waits for another one, or for something outside of the simulation, as "
                + "Task.sleep or a socket. Sleep on the simulation's clock, and run tasks on its executor."
        }
    }

    /// A task waited for something that ran outside of the simulation: the run cannot be repeated.
    public struct LeftSimulation: Error, CustomStringConvertible {
        /// What that means.
        public var description: String {
            "A task of the simulation was resumed by a thread that is not the simulation's: it waited for Task.sleep or "
                + "another clock, for the main actor, a detached task or a socket. Sleep on the simulation's clock, and run "
                + "tasks on its executor."
        }
    }

    /// The clock that the simulation moves.
    public let clock: ManualClock
    private let seeded: SeededExecutor

    /// Where its tasks run.
    public var executor: any TaskExecutor { seeded }

    /// A runtime for an interceptor in the simulation: its clock, its executor, and random numbers that a seed determines.
    ///
    /// - Parameter seed: Different for each interceptor: two with one seed draw the same claimants.
    public func runtime(seed: UInt64) -> IdempotencyRuntime {
        IdempotencyRuntime(clock: clock, executor: executor, random: SplitMix64(seed: seed))
    }

    /// Lets something that happened count in the trace.
    ///
    /// - Parameter number: What happened.
    public func note(_ number: UInt64) { seeded.note(number) }

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - seed: Determines the order.
    ///   - program: Runs in a task on the simulation's executor.
    /// - Returns: What the program returned, and a hash of all choices on the way: equal if the runs were.
    /// - Throws: What the program throws, ``LeftSimulation`` or ``Deadlock``.
    public static func run<Result: Sendable>(
        seed: UInt64,
        _ program: @escaping @Sendable (Simulation) async throws -> Result
    ) throws -> (result: Result, trace: UInt64) {
        let simulation = Simulation(clock: ManualClock(), seeded: SeededExecutor(seed: seed))
        let ended = Ended<Result>()
        _ = Task.detached(executorPreference: simulation.seeded) {
            do {
                let result = try await program(simulation)
                ended.result.withLock { $0 = .success(result) }
            } catch {
                ended.result.withLock { $0 = .failure(error) }
            }
        }
        while true {
            if simulation.seeded.wasLeft { throw LeftSimulation() }
            if let result = ended.result.withLock({ $0 }) { return (try result.get(), simulation.seeded.trace) }
            if simulation.seeded.runOne() { continue }
            guard simulation.clock.advanceToNextSleeper() else { throw Deadlock() }
        }
    }

    private final class Ended<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
    }
}
