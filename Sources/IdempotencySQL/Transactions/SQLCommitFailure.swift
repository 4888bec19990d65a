/// Why a transaction was not committed, or is not known to be.
@available(Idempotency 0.1, *)
public enum SQLCommitFailure: Error, Sendable {
    /// It is known to be undone.
    case undone(any Error)
    /// Nobody knows whether it was committed: the database could not be asked in time.
    case unknown(any Error)
}
