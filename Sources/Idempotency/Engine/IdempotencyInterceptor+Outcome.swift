// The overloads for `Void`, and those that refuse what is not `Codable`, are disfavoured: the compiler would otherwise
// take a handler whose last call is generic as well for one that returns nothing, and drop its result.

@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    /// Runs the handler unless the key has a result already, and says which it was.
    ///
    /// As `idempotent(key:fingerprint:failures:handler:)`, with the outcome as a
    /// value: a run, a replay, still in progress, or not known.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; runs in the caller's isolation and task.
    /// - Throws: What the handler throws; a final failure that is kept; ``IdempotencyError`` for everything else.
    public func outcome<Value: Codable>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Value
    ) async throws -> IdempotentOutcome<Value> {
        var ending = CallEnding.ran
        do {
            let value = try await run(key, fingerprint, failures, &ending, handler)
            return ending.outcome(of: value)
        } catch {
            return try ending.outcome(insteadOf: error)
        }
    }

    /// Runs a handler that returns nothing, unless the key is done already, and says which it was.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; runs in the caller's isolation and task.
    /// - Throws: What the handler throws; a final failure that is kept; ``IdempotencyError`` for everything else.
    @_disfavoredOverload
    public func outcome(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Void
    ) async throws -> IdempotentOutcome<Void> {
        var ending = CallEnding.ran
        do {
            try await runVoid(key, fingerprint, failures, &ending, handler)
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
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Value
    ) async throws -> IdempotentOutcome<Value> {
        throw IdempotencyError.nonCodableResult
    }

    /// Runs the handler in a task of its own, unless the key has a result already, and says which it was.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - task: `.own`.
    ///   - handler: The work; goes on when the caller is cancelled.
    /// - Throws: What the handler throws; a final failure that is kept; ``IdempotencyError`` for everything else.
    public func outcome<Value: Codable & Sendable>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        task: HandlerTask,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Value
    ) async throws -> IdempotentOutcome<Value> {
        var ending = CallEnding.ran
        do {
            let value = try await runInOwnTask(call(key, fingerprint), failures, &ending, handler)
            return ending.outcome(of: value)
        } catch {
            return try ending.outcome(insteadOf: error)
        }
    }

    /// Runs a handler that returns nothing in a task of its own, unless the key is done already, and says which it was.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - task: `.own`.
    ///   - handler: The work; goes on when the caller is cancelled.
    /// - Throws: What the handler throws; a final failure that is kept; ``IdempotencyError`` for everything else.
    @_disfavoredOverload
    public func outcome(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        task: HandlerTask,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Void
    ) async throws -> IdempotentOutcome<Void> {
        var ending = CallEnding.ran
        do {
            try await runVoidInOwnTask(call(key, fingerprint), failures, &ending, handler)
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
        task: HandlerTask,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Value
    ) async throws -> IdempotentOutcome<Value> {
        throw IdempotencyError.nonCodableResult
    }
}
