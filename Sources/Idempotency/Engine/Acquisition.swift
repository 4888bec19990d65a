/// What a call may do, once its key is decided.
@available(Idempotency 0.1, *)
enum Acquisition {
    /// The claim is made: run the handler, then finish.
    case run(Run)
    /// Run the handler; duplicates are not kept out. The run, if any, names a claim that may have landed unseen, and counts
    /// as work under way until its handler is left.
    case unprotected(Run?)
    case replay(StoredValue)
    case failed(StoredFailure, attempt: Int)
    case inProgress(remaining: Duration)
    case unknown(UnknownOutcome)
}
