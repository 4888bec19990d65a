/// A run of which nobody knows whether it took effect: for a person or a reconcile hook to settle.
@available(Idempotency 0.1, *)
public struct UnknownOutcome: Sendable {
    /// Why it is not known.
    public let reason: UnknownReason
    /// How many attempts were begun.
    public let attempt: Int
    /// What the reconcile hook threw, if it did.
    public let cause: (any Error)?
}
