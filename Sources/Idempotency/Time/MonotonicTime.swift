/// A clock as the engine and the in-memory store read it: nanoseconds since the clock was handed over.
///
/// `ContinuousClock` is read directly; any other clock through its conformance.
@available(Idempotency 0.1, *)
package struct MonotonicTime: Sendable {
    private let origin = ContinuousClock.now
    private let other: (@Sendable () -> Nanoseconds)?

    /// Reads the given clock, which must not step back.
    package init<C: Clock>(_ clock: C) where C.Duration == Duration {
        if clock is ContinuousClock {
            other = nil
        } else {
            let origin = clock.now
            other = { origin.duration(to: clock.now).nanoseconds }
        }
    }

    /// The time since the clock was handed over.
    package func now() -> Nanoseconds {
        guard let other else { return origin.duration(to: .now).nanoseconds }
        return other()
    }
}
