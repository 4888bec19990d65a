// The overloads for `Void`, and those that refuse what is not `Codable`, are disfavoured: the compiler would otherwise
// take a handler whose last call is generic as well for one that returns nothing, and drop its result.

@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    /// Runs the handler unless the key has a result already, and returns the result of the one run that counts.
    ///
    /// The handler runs in the caller's isolation and task: it may touch an actor's state, and what it captures need not be
    /// `Sendable`. If the caller is cancelled, so is the handler.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; `[UInt8]` is kept as it is, everything else through the codec.
    /// - Returns: The handler's result, of this call or of the first.
    /// - Throws: What the handler throws; a final failure that is kept; ``IdempotencyError`` with
    ///   ``IdempotencyError/Code/inProgress`` or ``IdempotencyError/Code/outcomeUnknown`` where `outcome(key:fingerprint:failures:handler:)`
    ///   would return a value, and with any other code if the call could not be decided or its result not be recorded.
    public func idempotent<Value: Codable>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Value
    ) async throws -> Value {
        var ending = CallEnding.ran
        return try await run(key, fingerprint, failures, &ending, handler)
    }

    /// Runs a handler that returns nothing, unless the key is done already.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work; runs in the caller's isolation and task.
    /// - Throws: What the handler throws; a final failure that is kept; ``IdempotencyError`` for everything else.
    @_disfavoredOverload
    public func idempotent(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Void
    ) async throws {
        var ending = CallEnding.ran
        return try await runVoid(key, fingerprint, failures, &ending, handler)
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
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Value
    ) async throws -> Value {
        throw IdempotencyError.nonCodableResult
    }

    /// Runs the handler in a task of its own, unless the key has a result already.
    ///
    /// The handler runs to its end, and its result is kept, although the caller is cancelled: for servers, whose clients
    /// go away. The cancelled caller is thrown `CancellationError` at once.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - task: `.own`.
    ///   - handler: The work; inherits the caller's task-local values and priority, not its cancellation.
    /// - Returns: The handler's result, of this call or of the first.
    /// - Throws: What the handler throws; a final failure that is kept; `CancellationError` if the caller is cancelled;
    ///   ``IdempotencyError`` for everything else.
    public func idempotent<Value: Codable & Sendable>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        task: HandlerTask,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Value
    ) async throws -> Value {
        var ending = CallEnding.ran
        return try await runInOwnTask(call(key, fingerprint), failures, &ending, handler)
    }

    /// Runs a handler that returns nothing in a task of its own, unless the key is done already.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - task: `.own`.
    ///   - handler: The work; goes on when the caller is cancelled.
    /// - Throws: What the handler throws; a final failure that is kept; ``IdempotencyError`` for everything else.
    @_disfavoredOverload
    public func idempotent(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        task: HandlerTask,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Void
    ) async throws {
        var ending = CallEnding.ran
        return try await runVoidInOwnTask(call(key, fingerprint), failures, &ending, handler)
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
        task: HandlerTask,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Value
    ) async throws -> Value {
        throw IdempotencyError.nonCodableResult
    }
}
