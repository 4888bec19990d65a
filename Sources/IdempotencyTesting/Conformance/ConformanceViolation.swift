/// What a store did although the protocol forbids it.
@available(Idempotency 0.1, *)
public struct ConformanceViolation: Error, CustomStringConvertible {
    /// The check that found it.
    public let check: StoreConformanceCheck
    /// What was expected, and what came instead.
    public let message: String
    /// Whether a machine that is too slow could have caused it. Two winners of one race, for example, it cannot cause.
    var dependsOnTime = true

    /// The rule and what was found.
    public var description: String { "\(check.rule) But: \(message)" }
}
