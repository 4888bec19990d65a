/// A store did what looks like a violation, but more time had passed than the check allows for: it may be the machine's.
@available(Idempotency 0.1, *)
public struct InconclusiveConformance: Error, CustomStringConvertible {
    /// What was found.
    public let violation: ConformanceViolation
    /// The time that a step took. It may take a quarter of a tick.
    public let elapsed: Duration
    /// The tick.
    public let tick: Duration

    /// What was found, and what to do.
    public var description: String {
        "Inconclusive: a step of the check took \(elapsed), longer than a quarter of the tick of \(tick); use a longer tick (see "
            + "`withGrowingTick`), or run the checks one after the other. What was found: \(violation)"
    }
}
