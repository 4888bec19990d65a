/// What a call may do, once its key is decided.
@available(Idempotency 0.1, *)
enum Acquisition {
    /// The claim is made: run the handler, then finish.
    case run(Run)
    /// Run the handler without the store. The run, if any, leads a flight until its handler is left; its claim may have
    /// landed unseen.
    case unprotected(Run?, mayHoldClaim: Bool)
    case replay(StoredValue)
    case failed(StoredFailure, attempt: Int)
    case inProgress(remaining: Duration)
    case unknown(UnknownOutcome)
}
