internal import Idempotency
import Synchronization

/// A process on its way to the store: it notes what its calls are for, and at one of them something happens to it.
@available(Idempotency 0.1, *)
final class RehearsedProcess: IdempotencyStore {
    private struct State {
        var calls: [String] = []
        var steps = 0
        var isDead = false
        /// Tells whoever waits for this process.
        var onDeath: (@Sendable () -> Void)?
        /// When a process that has stopped goes on.
        var stoppedUntil: ManualClock.Instant?
    }

    private let way: FaultInjectingStore
    private let disturbance: Disturbance?
    private let stall: Duration
    private let clock: ManualClock
    private let executor: any TaskExecutor
    private let state = Mutex(State())
    private let stop = OneShot<Void>()

    /// - Parameter stall: For how long it stops, if that is what happens to it.
    init(_ store: any IdempotencyStore, _ disturbance: Disturbance?, stall: Duration, _ simulation: Simulation) {
        way = FaultInjectingStore(store, clock: simulation.clock, executor: simulation.executor)
        self.disturbance = disturbance
        self.stall = stall
        clock = simulation.clock
        executor = simulation.executor
        switch disturbance?.what {
        case .fault(let fault)?: way.inject(fault, at: disturbance?.call ?? 1)
        case .awayFromThereOn?: way.cut(at: disturbance?.call ?? 1, afterApplying: false)
        case .deathBefore?, .deathAfter?, .stallBefore?, .stallAfter?, nil: break
        }
    }

    /// What each call was for.
    var calls: [String] { state.withLock { $0.calls } }

    /// Whether nobody can be served by this process any more.
    var isGone: Bool { way.isDown || state.withLock { $0.isDead } }

    /// Does what the process may die in. `nil`: it did.
    func whileAlive<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value? {
        let end = OneShot<Result<Value, any Error>?>()
        state.withLock { $0.onDeath = { end.fire(nil) } }
        _ = Task(executorPreference: executor) {
            do {
                end.fire(.success(try await body()))
            } catch {
                end.fire(.failure(error))
            }
        }
        return try await end.value()?.get()
    }

    /// Returns once it has stopped, or will not stop any more. To be called once.
    func hasStopped() async { await stop.value() }

    /// It will not stop any more.
    func willNotStop() { stop.fire(()) }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let happens = await note("a read")
        await happen(happens, as: .before)
        let found = try await way.load(key)
        await happen(happens, as: .after)
        return found
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let happens = await note(purpose(of: change))
        await happen(happens, as: .before)
        let result = try await way.checkAndSet(key, expecting: expected, change)
        await happen(happens, as: .after)
        return result
    }

    private enum Moment {
        case before
        case after
    }

    /// Dies or stops, if that is what happens at this moment of the call.
    private func happen(_ what: Disturbance.What?, as moment: Moment) async {
        switch (what, moment) {
        case (.deathBefore?, .before), (.deathAfter?, .after): await die()
        case (.stallBefore?, .before), (.stallAfter?, .after):
            state.withLock { $0.stoppedUntil = clock.now.advanced(by: stall) }
            stop.fire(())
        default: break
        }
        // Whatever it does meanwhile, a renewal included, goes on with it.
        if let end = state.withLock({ $0.stoppedUntil }) { try? await clock.sleep(until: end, tolerance: nil) }
    }

    /// Counts a call, which never returns if the process is dead. Returns what happens at it.
    private func note(_ purpose: String) async -> Disturbance.What? {
        let (number, isDead) = state.withLock { state in
            state.calls.append(purpose)
            return (state.calls.count, state.isDead)
        }
        if isDead { await hang() }
        return number == disturbance?.call ? disturbance?.what : nil
    }

    private func purpose(of change: RecordChange) -> String {
        guard case .write(let record) = change else { return "a removal" }
        switch record.state {
        case .done: return "the finish"
        case .failed: return "the record of a failure"
        case .pending where record.token == nil: return "the claim"
        case .pending where record.lease == .zero: return "the record that nobody knows"
        case .pending:
            let isStep = state.withLock { state in
                defer { state.steps = record.checkpoints.count }
                return record.checkpoints.count > state.steps
            }
            return isStep ? "the record of step '\(record.checkpoints.last?.name ?? "")'" : "a renewal"
        }
    }

    private func die() async -> Never {
        let onDeath = state.withLock { state in
            state.isDead = true
            return state.onDeath
        }
        onDeath?()
        await hang()
    }

    /// What a dead process does next: nothing, not even what follows an error.
    private func hang() async -> Never {
        while true { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
    }
}
