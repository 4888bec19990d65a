/// What all the forms of a call come down to: two kinds of result, in the caller's task or in one of their own.
@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    typealias Handler<Value> = nonisolated(nonsending) (IdempotentExecution) async throws -> Value
    typealias OwnTaskHandler<Value> = @Sendable (IdempotentExecution) async throws -> Value

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
