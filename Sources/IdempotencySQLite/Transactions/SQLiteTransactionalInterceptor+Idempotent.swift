#if SQLite
public import Idempotency

// The overloads for `Void`, and those that refuse what is not `Codable`, are disfavoured: the compiler would otherwise
// take a handler whose last call is generic as well for one that returns nothing, and drop its result.

@available(Idempotency 0.1, *)
extension SQLiteTransactionalInterceptor {
    /// Runs the handler in a transaction unless the key has a result already: then answers with that.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; runs on the store's thread, and again if another one of its batch could not be committed.
    /// - Returns: What the handler returned, in this call or an earlier one.
    /// - Throws: What the handler throws; a final failure that is kept; ``/Idempotency/IdempotencyError`` for everything else,
    ///   among them ``/Idempotency/IdempotencyError/Code/resultNotSaved`` if the database did not say whether it committed.
    public func idempotent<Value: Codable & Sendable>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: @escaping @Sendable (SQLiteTransaction, IdempotentExecution) throws -> Value
    ) async throws -> Value {
        var ending = CallEnding.ran
        return try await run(CodableResult<Value>.self, key, fingerprint, failures, &ending, handler)
    }

    /// Runs a handler that returns nothing in a transaction, unless the key is done already.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; runs on the store's thread, and again if another one of its batch could not be committed.
    /// - Throws: What the handler throws; a final failure that is kept; ``/Idempotency/IdempotencyError`` for everything else,
    ///   among them ``/Idempotency/IdempotencyError/Code/resultNotSaved`` if the database did not say whether it committed.
    @_disfavoredOverload
    public func idempotent(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: @escaping @Sendable (SQLiteTransaction, IdempotentExecution) throws -> Void
    ) async throws {
        var ending = CallEnding.ran
        try await run(VoidResult.self, key, fingerprint, failures, &ending, handler)
    }

    /// Refuses a handler whose result could never be replayed.
    @available(
        *,
        deprecated,
        message: "The handler's result is not Codable and could not be replayed; make it Codable."
    )
    @_disfavoredOverload
    public func idempotent<Value>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: @escaping @Sendable (SQLiteTransaction, IdempotentExecution) throws -> Value
    ) async throws -> Value {
        throw Self.nonCodableResult
    }

    static var nonCodableResult: IdempotencyError {
        IdempotencyError(
            code: .nonCodableResult,
            message: "The handler's result is not Codable and could not be replayed. Nothing ran; make it Codable."
        )
    }
}
#endif
