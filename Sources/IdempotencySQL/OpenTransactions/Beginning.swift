public import Idempotency

/// What a call comes to that would open its own transaction.
@available(Idempotency 0.1, *)
public enum Beginning<Value: Codable> {
    /// The key is claimed: make the effect, finish, and commit.
    case run(OpenRun<Value>)
    /// Nothing is to be run: a replay, still in progress, or not known.
    case answered(IdempotentOutcome<Value>)
}

@available(Idempotency 0.1, *)
extension Beginning: Sendable where Value: Sendable {}
