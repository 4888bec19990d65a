/// What becomes of a key whose run ended in nobody knows what: its process died, or its handler threw undeclared.
///
/// Kept in the record; of the record's and the caller's, the stricter one wins, so that a release that turns strict is
/// not undone by the releases that still run beside it. Ordered from lenient to strict.
@available(Idempotency 0.1, *)
public enum LapsePolicy: UInt8, Comparable, Sendable {
    /// Runs again: at least once, for effects that tolerate it or that are made once downstream by token or sub-key.
    case rerun = 1
    /// Asks the operation's hook what became of the effect, and refuses while the hook does not know.
    case reconcile = 2
    /// Refuses, until a person settles it: at most once.
    case refuse = 3

    /// Whether the left policy is the more lenient one.
    public static func < (left: LapsePolicy, right: LapsePolicy) -> Bool { left.rawValue < right.rawValue }
}
