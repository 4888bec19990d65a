#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// A clock as the engine and the in-memory store read it: nanoseconds since some point of its own.
///
/// `ContinuousClock` is read directly, any other clock through its conformance.
@available(Idempotency 0.1, *)
package struct MonotonicTime: Sendable {
    private let other: (@Sendable () -> Nanoseconds)?
    /// Returns once the clock has reached the point of time.
    let sleep: @Sendable (_ until: Nanoseconds) async -> Void

    /// Reads the given clock, which must not step back.
    package init<C: Clock>(_ clock: C) where C.Duration == Duration {
        #if canImport(Glibc) || canImport(Musl)
        if clock is ContinuousClock {
            other = nil
            sleep = { until in
                let span = max(0, until - Self.continuousNow())
                // Cancellation is the only error of a clock, and the engine never cancels its timers.
                try? await clock.sleep(until: clock.now.advanced(by: .nanoseconds(span)), tolerance: nil)
            }
            return
        }
        #endif
        let origin = clock.now
        sleep = { until in try? await clock.sleep(until: origin.advanced(by: .nanoseconds(until)), tolerance: nil) }
        other = { origin.duration(to: clock.now).nanoseconds }
    }

    /// The time since the clock's point of origin.
    package func now() -> Nanoseconds {
        other?() ?? Self.continuousNow()
    }

    private static func continuousNow() -> Nanoseconds {
        #if canImport(Glibc) || canImport(Musl)
        // What `ContinuousClock` reads, without the 128-bit arithmetic of `Duration`: it is read four times an execution.
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Nanoseconds(time.tv_sec) &* 1_000_000_000 &+ Nanoseconds(time.tv_nsec)
        #else
        preconditionFailure("only where the C library is known is a clock read without its conformance")
        #endif
    }
}
