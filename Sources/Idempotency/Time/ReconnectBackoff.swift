/// How long a store's driver waits before it connects again: longer each time, and not the same for all.
@available(Idempotency 0.1, *)
package struct ReconnectBackoff: Sendable {
    private var failures = 0

    package init() {}

    /// Counts an attempt that failed.
    ///
    /// - Parameter random: Random bits, so that not all who lost a server come back at once.
    /// - Returns: How long to wait: two seconds at most.
    package mutating func fail(_ random: UInt64) -> Duration {
        failures += 1
        return .milliseconds(min(2000, 25 << min(failures, 10))) * (0.5 + 0.5 * Double(random) / Double(UInt64.max))
    }

    /// An attempt has succeeded.
    package mutating func reset() { failures = 0 }
}
