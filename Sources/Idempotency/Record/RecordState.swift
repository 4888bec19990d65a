/// Where a key stands, as an operator would ask.
@available(Idempotency 0.1, *)
public enum RecordState: String, CaseIterable, Sendable {
    /// Claimed, and the lease holds.
    case inProgress
    /// Pending, and the lease is over: nobody knows what became of it.
    case lapsed
    /// Ran to its end.
    case done
    /// Failed, and the next call may try again.
    case retryable
    /// Failed for good.
    case failed
}
