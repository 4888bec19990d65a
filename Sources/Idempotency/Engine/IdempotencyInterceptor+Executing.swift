/// What all the forms of a call come down to: three kinds of result, in the caller's task or in one of their own.
@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    typealias Handler<Value> = nonisolated(nonsending) (IdempotentExecution) async throws -> Value
    typealias OwnTaskHandler<Value> = @Sendable (IdempotentExecution) async throws -> Value

    /// As the public form, for a result in the form in which it is kept.
    package func keptOutcome(
        key: IdempotencyKey,
        fingerprint: Fingerprint?,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> StoredValue
    ) async throws -> IdempotentOutcome<StoredValue> {
        var ending = CallEnding.ran
        do {
            let value = try await engine.execute(
                KeptResult.self,
                key,
                fingerprint,
                policy,
                failures: [],
                ending: &ending,
                handler: handler
            )
            return ending.outcome(of: value)
        } catch {
            return try ending.outcome(insteadOf: error)
        }
    }

    /// Does something in a task that goes on when the caller is cancelled, which then no longer waits for it.
    package func inOwnTask<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await engine.inOwnTask(work)
    }

    @inline(__always)
    func run<Value: Codable>(
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding,
        _ handler: Handler<Value>
    ) async throws -> Value {
        try await engine.execute(
            CodableResult<Value>.self,
            key,
            fingerprint,
            policy,
            failures: failures,
            ending: &ending,
            handler: handler
        )
    }

    @inline(__always)
    func runVoid(
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding,
        _ handler: Handler<Void>
    ) async throws {
        try await engine.execute(
            VoidResult.self,
            key,
            fingerprint,
            policy,
            failures: failures,
            ending: &ending,
            handler: handler
        )
    }

    func runInOwnTask<Value: Codable & Sendable>(
        _ call: Call,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding,
        _ handler: @escaping OwnTaskHandler<Value>
    ) async throws -> Value {
        try await engine.executeInOwnTask(
            CodableResult<Value>.self,
            call,
            failures: failures,
            ending: &ending,
            handler: handler
        )
    }

    func runVoidInOwnTask(
        _ call: Call,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding,
        _ handler: @escaping OwnTaskHandler<Void>
    ) async throws {
        try await engine.executeInOwnTask(VoidResult.self, call, failures: failures, ending: &ending, handler: handler)
    }
}
