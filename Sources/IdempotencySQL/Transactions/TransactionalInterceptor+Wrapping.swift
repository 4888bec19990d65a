public import Idempotency

// The overloads for `Void`, and those that refuse what is not `Codable`, are disfavoured: the compiler would otherwise
// take a handler whose last call is generic as well for one that returns nothing, and drop its result.

@available(Idempotency 0.1, *)
extension TransactionalInterceptor {
    /// Wraps a handler, to be called like the original.
    ///
    /// Two requests with one key must be equal in all that they encode, or the second one is refused.
    ///
    /// - Parameters:
    ///   - key: The key of a request, for example `\ChargeRequest.key`.
    ///   - fingerprint: What counts as the same request; by default all of it.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work.
    /// - Returns: A function that runs the handler once per key, and throws as
    ///   `idempotent(key:fingerprint:failures:handler:)`.
    public func idempotent<Request: Encodable, Value: Codable>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint? = { try Fingerprint(of: $0) },
        failures: any FinalFailure.Type...,
        handler:
            nonisolated(nonsending) @escaping (Request, SQLTransaction, TransactionalExecution) async throws -> Value
    ) -> nonisolated(nonsending) (Request) async throws -> Value {
        { request in
            var ending = CallEnding.ran
            let (key, fingerprint) = (try key(request), try fingerprint(request))
            return try await run(CodableResult<Value>.self, key, fingerprint, failures, &ending) {
                transaction,
                execution in
                try await handler(request, transaction, execution)
            }
        }
    }

    /// Wraps a handler that returns nothing, to be called like the original.
    ///
    /// Two requests with one key must be equal in all that they encode, or the second one is refused.
    ///
    /// - Parameters:
    ///   - key: The key of a request, for example `\ChargeRequest.key`.
    ///   - fingerprint: What counts as the same request; by default all of it.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work.
    /// - Returns: A function that runs the handler once per key, and throws as
    ///   `idempotent(key:fingerprint:failures:handler:)`.
    @_disfavoredOverload
    public func idempotent<Request: Encodable>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint? = { try Fingerprint(of: $0) },
        failures: any FinalFailure.Type...,
        handler:
            nonisolated(nonsending) @escaping (Request, SQLTransaction, TransactionalExecution) async throws -> Void
    ) -> nonisolated(nonsending) (Request) async throws -> Void {
        { request in
            var ending = CallEnding.ran
            let (key, fingerprint) = (try key(request), try fingerprint(request))
            return try await run(VoidResult.self, key, fingerprint, failures, &ending) { transaction, execution in
                try await handler(request, transaction, execution)
            }
        }
    }

    /// Refuses a handler whose result could never be replayed.
    @available(
        *,
        deprecated,
        message: "The handler's result is not Codable and could not be replayed; make it Codable."
    )
    @_disfavoredOverload
    public func idempotent<Request: Encodable, Value>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint? = { try Fingerprint(of: $0) },
        failures: any FinalFailure.Type...,
        handler:
            nonisolated(nonsending) @escaping (Request, SQLTransaction, TransactionalExecution) async throws -> Value
    ) -> nonisolated(nonsending) (Request) async throws -> Value {
        { _ in throw Self.nonCodableResult }
    }
}
