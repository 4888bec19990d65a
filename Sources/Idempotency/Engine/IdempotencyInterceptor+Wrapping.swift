// The overloads for `Void`, and those that refuse what is not `Codable`, are disfavoured: the compiler would otherwise
// take a handler whose last call is generic as well for one that returns nothing, and drop its result.

@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    /// Wraps a handler, to be called like the original.
    ///
    /// Two requests with one key must be equal in all that they encode, or the second one is refused.
    ///
    /// - Parameters:
    ///   - key: The key of a request, for example `\ChargeRequest.key`.
    ///   - fingerprint: What counts as the same request; by default all of it.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work.
    /// - Returns: A function that runs the handler once per key, and throws as `idempotent(key:fingerprint:failures:handler:)`.
    public func idempotent<Request: Encodable, Value: Codable>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint? = { try Fingerprint(of: $0) },
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) @escaping (Request, IdempotentExecution) async throws -> Value
    ) -> nonisolated(nonsending) (Request) async throws -> Value {
        { request in
            var ending = CallEnding.ran
            return try await run(try key(request), try fingerprint(request), failures, &ending) { execution in
                try await handler(request, execution)
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
    /// - Returns: A function that runs the handler once per key, and throws as `idempotent(key:fingerprint:failures:handler:)`.
    @_disfavoredOverload
    public func idempotent<Request: Encodable>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint? = { try Fingerprint(of: $0) },
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) @escaping (Request, IdempotentExecution) async throws -> Void
    ) -> nonisolated(nonsending) (Request) async throws -> Void {
        { request in
            var ending = CallEnding.ran
            return try await runVoid(try key(request), try fingerprint(request), failures, &ending) { execution in
                try await handler(request, execution)
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
        handler: nonisolated(nonsending) @escaping (Request, IdempotentExecution) async throws -> Value
    ) -> nonisolated(nonsending) (Request) async throws -> Value {
        { _ in throw IdempotencyError.nonCodableResult }
    }

    /// Wraps a handler, to be called like the original.
    ///
    /// For requests that are not `Encodable`, or of which only a part counts.
    ///
    /// - Parameters:
    ///   - key: The key of a request, for example `\ChargeRequest.key`.
    ///   - fingerprint: What counts as the same request; return `nil` to check nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work.
    /// - Returns: A function that runs the handler once per key, and throws as `idempotent(key:fingerprint:failures:handler:)`.
    public func idempotent<Request, Value: Codable>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint?,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) @escaping (Request, IdempotentExecution) async throws -> Value
    ) -> nonisolated(nonsending) (Request) async throws -> Value {
        { request in
            var ending = CallEnding.ran
            return try await run(try key(request), try fingerprint(request), failures, &ending) { execution in
                try await handler(request, execution)
            }
        }
    }

    /// Wraps a handler that returns nothing, to be called like the original.
    ///
    /// For requests that are not `Encodable`, or of which only a part counts.
    ///
    /// - Parameters:
    ///   - key: The key of a request, for example `\ChargeRequest.key`.
    ///   - fingerprint: What counts as the same request; return `nil` to check nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - handler: The work.
    /// - Returns: A function that runs the handler once per key, and throws as `idempotent(key:fingerprint:failures:handler:)`.
    @_disfavoredOverload
    public func idempotent<Request>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint?,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) @escaping (Request, IdempotentExecution) async throws -> Void
    ) -> nonisolated(nonsending) (Request) async throws -> Void {
        { request in
            var ending = CallEnding.ran
            return try await runVoid(try key(request), try fingerprint(request), failures, &ending) { execution in
                try await handler(request, execution)
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
    public func idempotent<Request, Value>(
        key: @escaping (Request) throws -> IdempotencyKey,
        fingerprint: @escaping (Request) throws -> Fingerprint?,
        failures: any FinalFailure.Type...,
        handler: nonisolated(nonsending) @escaping (Request, IdempotentExecution) async throws -> Value
    ) -> nonisolated(nonsending) (Request) async throws -> Value {
        { _ in throw IdempotencyError.nonCodableResult }
    }
}
