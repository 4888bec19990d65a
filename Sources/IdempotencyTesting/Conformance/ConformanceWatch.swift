internal import Idempotency
import Synchronization

/// Notes how much time passed on the machine while a check let none pass.
///
/// Between two waits a check has a quarter of a tick for its steps. A clock that is moved by hand sets no such limit; the watch
/// recognizes it by a wait that is shorter than its span.
@available(Idempotency 0.1, *)
final class ConformanceWatch: Sendable {
    private struct State {
        var stepBegan = ContinuousClock.now
        var longest = Duration.zero
        var hasWaited = false
        var isReal = false
    }

    private let state = Mutex(State())

    /// Waits, and notes how long the step before took, and by how much the wait was too long.
    func wait(_ span: Duration, by advanceTime: @Sendable (Duration) async throws -> Void) async throws {
        let began = ContinuousClock.now
        try await advanceTime(span)
        let ended = ContinuousClock.now
        state.withLock { state in
            let waited = began.duration(to: ended)
            if span > .zero { (state.hasWaited, state.isReal) = (true, waited >= span) }
            state.longest = max(state.longest, state.stepBegan.duration(to: ended) - span)
            state.stepBegan = ended
        }
    }

    /// What to say instead of a violation. `nil`: it is one.
    ///
    /// A check that has not waited says nothing about its clock. The watch waits for a tenth of a tick then, to find out.
    func doubt(
        _ violation: ConformanceViolation,
        tick: Duration,
        advanceTime: @Sendable (Duration) async throws -> Void
    ) async throws -> InconclusiveConformance? {
        if !state.withLock({ $0.hasWaited }) { try await wait(tick / 10, by: advanceTime) }
        let (isReal, elapsed) = state.withLock { state in
            (state.isReal, max(state.longest, state.stepBegan.duration(to: .now)))
        }
        guard isReal, violation.dependsOnTime, elapsed > tick / 4 else { return nil }
        return InconclusiveConformance(violation: violation, elapsed: elapsed, tick: tick)
    }
}
