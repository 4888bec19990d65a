@available(Idempotency 0.1, *)
extension IdempotentOutcome {
    /// Whether an earlier run's result answered the call.
    public var isReplay: Bool {
        if case .replayed = self { true } else { false }
    }

    /// The result, whoever ran for it.
    ///
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/inProgress`` or
    ///   ``IdempotencyError/Code/outcomeUnknown``.
    public func get() throws(IdempotencyError) -> Value {
        switch self {
        case .ran(let value), .replayed(let value): return value
        case .inProgress(let remaining): throw .inProgress(remaining: remaining)
        case .unknown(let outcome): throw .unknown(outcome)
        }
    }
}
