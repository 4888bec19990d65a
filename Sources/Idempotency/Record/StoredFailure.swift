/// What a `failed` record keeps.
@available(Idempotency 0.1, *)
public enum StoredFailure: Equatable, Sendable {
    /// A declared final failure: its stable name and its encoded fields. Thrown again until the retention ends.
    indirect case final(name: String, value: StoredValue)
    /// The run failed, and the next call may claim the key.
    case retryable(RetryReason)
    /// Revoked before it ran. Refused until the retention ends.
    case revoked
    /// Tried as often as the policy allows, and surely without effect. Refused until the retention ends.
    case attemptsExhausted

    /// Why a failed run may be repeated.
    public enum RetryReason: UInt8, Sendable {
        /// The handler declared that its effect did not happen.
        case didNotHappen = 1
        /// The claim was given back before the handler was entered.
        case neverEntered = 2
        /// The handler threw something undeclared, under ``LapsePolicy/rerun``.
        case threw = 3
    }
}
