/// What a store did although the protocol forbids it.
@available(Idempotency 0.1, *)
public struct ConformanceViolation: Error, CustomStringConvertible {
    /// The check that found it.
    public let check: StoreConformanceCheck
    /// What was expected, and what came instead.
    public let message: String

    /// The rule and what was found.
    public var description: String { "\(check.rule) But: \(message)" }
}
