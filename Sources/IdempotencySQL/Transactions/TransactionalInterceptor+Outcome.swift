public import Idempotency

// The overloads for `Void`, and those that refuse what is not `Codable`, are disfavoured: the compiler would otherwise
// take a handler whose last call is generic as well for one that returns nothing, and drop its result.

@available(Idempotency 0.1, *)
extension TransactionalInterceptor {
    /// Runs the handler in a transaction unless the key has a result already, and says which it was.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; runs in the caller's isolation and task, and again where the database undoes its transaction to
    ///     let another one pass.
    /// - Returns: A run, a replay, or still in progress.
    /// - Throws: What the handler throws; a final failure that is kept; ``/Idempotency/IdempotencyError`` for everything else,
    ///   among them ``/Idempotency/IdempotencyError/Code/resultNotSaved`` if the database did not say whether it committed.
    public func outcome<Value: Codable>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) (SQLTransaction, TransactionalExecution) async throws -> Value
    ) async throws -> IdempotentOutcome<Value> {
        var ending = CallEnding.ran
        do {
            let value = try await run(CodableResult<Value>.self, key, fingerprint, failures, &ending, handler)
            return ending.outcome(of: value)
        } catch {
            return try ending.outcome(insteadOf: error)
        }
    }

    /// Runs a handler that returns nothing in a transaction, unless the key is done already, and says which it was.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; runs in the caller's isolation and task, and again where the database undoes its transaction to
    ///     let another one pass.
    /// - Returns: A run, a replay, or still in progress.
    /// - Throws: What the handler throws; a final failure that is kept; ``/Idempotency/IdempotencyError`` for everything else,
    ///   among them ``/Idempotency/IdempotencyError/Code/resultNotSaved`` if the database did not say whether it committed.
    @_disfavoredOverload
    public func outcome(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) (SQLTransaction, TransactionalExecution) async throws -> Void
    ) async throws -> IdempotentOutcome<Void> {
        var ending = CallEnding.ran
        do {
            try await run(VoidResult.self, key, fingerprint, failures, &ending, handler)
            return ending.outcome(of: ())
        } catch {
            return try ending.outcome(insteadOf: error)
        }
    }

    /// Refuses a handler whose result could never be replayed.
    @available(
        *,
        deprecated,
        message: "The handler's result is not Codable and could not be replayed; make it Codable."
    )
    @_disfavoredOverload
    public func outcome<Value>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) (SQLTransaction, TransactionalExecution) async throws -> Value
    ) async throws -> IdempotentOutcome<Value> {
        throw Self.nonCodableResult
    }
}
