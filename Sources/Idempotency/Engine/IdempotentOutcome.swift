/// What became of a call, for whoever must tell a run from a replay.
@available(Idempotency 0.1, *)
public enum IdempotentOutcome<Value> {
    /// The handler ran in this call, and its result is kept.
    case ran(Value)
    /// An earlier run's result; the handler did not run.
    case replayed(Value)
    /// Another call is being run, and the wait for it is over. `remaining`: how long its lease holds without renewal.
    case inProgress(remaining: Duration)
    /// Nobody knows whether an earlier run took effect, and the policy does not allow to run again.
    case unknown(UnknownOutcome)
}

@available(Idempotency 0.1, *)
extension IdempotentOutcome: Sendable where Value: Sendable {}

@available(Idempotency 0.1, *)
extension IdempotentOutcome: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The kind; never the result.
    public var description: String {
        switch self {
        case .ran: "ran"
        case .replayed: "replayed"
        case .inProgress(let remaining): "in progress, \(remaining) remaining"
        case .unknown(let outcome): "unknown: \(outcome)"
        }
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the result.
    public var customMirror: Mirror { Mirror(self, children: ["outcome": description], displayStyle: .enum) }
}
