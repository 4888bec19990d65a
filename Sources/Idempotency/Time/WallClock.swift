#if canImport(Darwin)
internal import Darwin
#elseif canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// The system's calendar clock, which the standard library has no type for.
///
/// It is only ever a default of an injected parameter: fresh keys put the time into their bits, and the versions of a
/// store start at it so that they grow across a restart. No lease is judged by it.
@available(Idempotency 0.1, *)
package enum WallClock {
    /// The time since 1970-01-01T00:00:00Z.
    package static func now() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}
