/// How long a store's driver waits before it connects again: longer each time, and not the same for all.
@available(Idempotency 0.1, *)
package struct ReconnectBackoff: Sendable {
    private var failures = 0

    package init() {}

    /// Counts an attempt that failed. Returns how long to wait.
    package mutating func fail() -> Duration {
        failures += 1
        return .milliseconds(min(2000, 25 << min(failures, 10))) * Double.random(in: 0.5...1)
    }

    /// An attempt has succeeded.
    package mutating func reset() { failures = 0 }
}
