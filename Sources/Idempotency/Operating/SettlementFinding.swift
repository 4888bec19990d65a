/// What a person found out about a run of which nobody knew whether it took effect.
@available(Idempotency 0.1, *)
public enum SettlementFinding: Sendable {
    /// The effect happened: duplicates are answered with this. It has to be of the type that the operation returns.
    case done(any Codable & Sendable)
    /// The effect happened, and the operation returns nothing.
    case doneWithoutResult
    /// The operation failed for good: duplicates are thrown this.
    case failed(any FinalFailure)
    /// The effect surely did not happen: the next call runs the handler again.
    case runAgain
}

@available(Idempotency 0.1, *)
extension SettlementFinding: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The kind; never a result or what a failure holds.
    public var description: String {
        switch self {
        case .done: "done"
        case .doneWithoutResult: "doneWithoutResult"
        case .failed(let failure): "failed(\(type(of: failure).failureName))"
        case .runAgain: "runAgain"
        }
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without a result.
    public var customMirror: Mirror { Mirror(self, children: ["finding": description], displayStyle: .enum) }
}
