/// What a reconcile hook found out about a run that ended in nobody knows what.
@available(Idempotency 0.1, *)
public enum Reconciliation: Sendable {
    /// The effect happened: this is the result, of the type that the operation returns. A result of another type is kept
    /// as it is, and each duplicate is thrown ``IdempotencyError/Code/undecodableResult``.
    case done(any Codable & Sendable)
    /// The effect happened, and the operation returns nothing.
    case doneWithoutResult
    /// The operation failed for good.
    case failed(any FinalFailure)
    /// The effect surely did not happen: run the handler, under the claim at hand.
    case runAgain
    /// Still not known: refuse, and ask again at the next call.
    case stillUnknown
}
