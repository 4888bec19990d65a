public import Idempotency

/// What a handler in transactional mode knows of its run, and the steps it can take under it.
@available(Idempotency 0.1, *)
public struct TransactionalExecution {
    private let execution: IdempotentExecution
    private let transaction: SQLTransaction
    private let transactor: any Transactor

    init(_ execution: IdempotentExecution, _ transaction: SQLTransaction, _ transactor: any Transactor) {
        self.execution = execution
        self.transaction = transaction
        self.transactor = transactor
    }

    /// The key that is being run.
    public var key: IdempotencyKey { execution.key }

    /// The token of this run's claim, for a downstream system that refuses stale ones; `nil` without protection.
    public var token: FencingToken? { execution.token }

    /// Which attempt of the key this is; the first is 1.
    public var attempt: Int { execution.attempt }

    /// Whether an earlier attempt of this key was begun. It has left nothing but the steps that it finished.
    public var isRerun: Bool { execution.isRerun }

    /// How long the lease holds without renewal, on the safe side; `nil` without protection.
    public var leaseRemaining: Duration? { execution.leaseRemaining }

    /// A stable key for a call that this operation makes downstream: every attempt of this key gets the same one.
    ///
    /// - Parameter name: What the downstream call is, unique in this operation.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidKey``.
    public func key(for name: String) throws(IdempotencyError) -> IdempotencyKey { try execution.key(for: name) }

    /// Takes a step in a transaction of its own, which commits its effect together with its result: a re-run skips it.
    ///
    /// To be taken before the handler's own transaction has begun, which is with its first statement: two open transactions
    /// of one handler could wait for each other.
    ///
    /// - Parameters:
    ///   - name: The step's name, unique in this run; keep it as long as records live.
    ///   - body: The step; runs again in a new transaction where the database undoes one to let another one pass.
    /// - Returns: What the step returned, in this attempt or an earlier one.
    /// - Throws: What `body` throws; ``/Idempotency/IdempotencyError`` with
    ///   ``/Idempotency/IdempotencyError/Code/repeatedStep``,
    ///   ``/Idempotency/IdempotencyError/Code/invalidConfiguration`` if the handler's own transaction has begun or another step
    ///   is under way, ``/Idempotency/IdempotencyError/Code/leaseLost``,
    ///   ``/Idempotency/IdempotencyError/Code/resultNotSaved`` if the database does not say whether it was committed, or
    ///   ``/Idempotency/IdempotencyError/Code/resultNotKept`` if an earlier attempt's result was too large to keep.
    public func step<Value: Codable>(
        _ name: String,
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Value
    ) async throws -> Value {
        try refuseWithinTransaction()
        return try await transaction.step { try await transactor.take(step: name, CodableResult<Value>.self, body) }
    }

    /// Takes a step that returns nothing, in a transaction of its own.
    ///
    /// - Parameters:
    ///   - name: The step's name, unique in this run; keep it as long as records live.
    ///   - body: The step.
    /// - Throws: As the step that returns a value.
    @_disfavoredOverload
    public func step(
        _ name: String,
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Void
    ) async throws {
        try refuseWithinTransaction()
        try await transaction.step { try await transactor.take(step: name, VoidResult.self, body) }
    }

    /// Refuses a step whose result could not be kept.
    @available(*, deprecated, message: "The step's result is not Codable and could not be kept; make it Codable.")
    @_disfavoredOverload
    public func step<Value>(
        _ name: String,
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Value
    ) async throws -> Value {
        throw IdempotencyError(
            code: .nonCodableResult,
            message: "The step's result is not Codable and could not be kept. Nothing ran; make it Codable."
        )
    }

    private func refuseWithinTransaction() throws(IdempotencyError) {
        guard transaction.hasBegun else { return }
        throw IdempotencyError(
            code: .invalidConfiguration,
            message:
                "A step was begun while the handler's own transaction was open, and could wait for it forever. Take the steps "
                + "before the first statement of the handler's transaction, or make the statement a step too."
        )
    }
}
