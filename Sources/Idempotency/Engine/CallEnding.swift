/// How a call ended, beside the value it returned or the error it threw.
@available(Idempotency 0.1, *)
package enum CallEnding: Sendable {
    case ran
    case replayed
    /// It threw, for want of a result that is not an error by itself.
    case inProgress(remaining: Duration)
    case unknown(UnknownOutcome)

    package func outcome<Value>(of value: Value) -> IdempotentOutcome<Value> {
        if case .replayed = self { .replayed(value) } else { .ran(value) }
    }

    package func outcome<Value>(insteadOf error: any Error) throws -> IdempotentOutcome<Value> {
        switch self {
        case .inProgress(let remaining): return .inProgress(remaining: remaining)
        case .unknown(let outcome): return .unknown(outcome)
        case .ran, .replayed: throw error
        }
    }
}
