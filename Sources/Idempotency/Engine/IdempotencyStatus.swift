/// Where a key stands, as far as the store and this interceptor know.
@available(Idempotency 0.1, *)
public enum IdempotencyStatus: Equatable, Sendable {
    /// Never used, or its retention is over: the next call runs.
    case absent
    /// Being claimed or run. `leaseRemaining`: how long its claim holds without renewal; zero while it is being claimed.
    case inProgress(attempt: Int, leaseRemaining: Duration)
    /// Its run ended in nobody knows what. The policy says what the next call does.
    case lapsed(attempt: Int, UnknownReason, LapsePolicy)
    /// Ran; its result answers duplicates for the remaining retention.
    case done(attempt: Int, retentionRemaining: Duration)
    /// Failed for good; refused for the remaining retention.
    case failed(attempt: Int, retentionRemaining: Duration)
    /// Failed; the next call runs.
    case retryable(attempt: Int)
    /// Revoked before it ran; refused for the remaining retention.
    case revoked(retentionRemaining: Duration)
}
