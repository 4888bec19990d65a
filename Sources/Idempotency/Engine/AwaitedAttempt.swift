/// An attempt of a key that callers wait for.
@available(Idempotency 0.1, *)
struct AwaitedAttempt: Sendable {
    private let claimant: Claimant
    private let attempt: UInt32
    /// Whether the attempt only asks a reconcile hook what became of the one before.
    private let asksHook: Bool

    init(_ record: IdempotencyRecord) {
        claimant = record.claimant
        attempt = record.attemptNumber
        asksHook = if case .pending(.some) = record.state { true } else { false }
    }

    /// Whether a record says that this attempt, or a later one, ran and failed: then the callers that waited are told so, and
    /// none of them runs.
    ///
    /// A claim that is given back counts its attempt down again. So a lower number is an attempt that never ran, or a person's
    /// decision that the key may run again.
    func hasFailed(by record: IdempotencyRecord) -> Bool {
        switch record.state {
        case .failed(.retryable(.neverEntered)): record.claimant != claimant && record.attemptNumber >= attempt
        case .failed(.retryable): record.attemptNumber >= attempt
        case .pending(.handlerThrew): asksHook ? record.attemptNumber > attempt : record.attemptNumber >= attempt
        case .pending, .done, .failed: false
        }
    }
}
