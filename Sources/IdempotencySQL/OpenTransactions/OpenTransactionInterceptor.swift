public import Idempotency

/// Puts a result into a transaction that the service has opened itself, with its own driver, beside the effect.
///
/// For services whose transactions are in other hands: a framework's, a repository's, GRDB's or PostgresNIO's. Where the
/// library may open the transaction, ``TransactionalInterceptor`` does all of this by itself.
///
/// ```swift
/// switch try await interceptor.begin(key: key, returning: Receipt.self) {
/// case .answered(let outcome):
///     return try outcome.get()
/// case .run(let run):
///     do {
///         let finish = try await run.finish(receipt)
///         try await pool.write { database in
///             try transfer(database)
///             try finish.check(rows(of: finish.statements, in: database))  // the last statements before the commit
///         }
///     } catch {
///         throw await run.rolledBack(error)
///     }
///     try await run.committed()
///     return receipt
/// }
/// ```
@available(Idempotency 0.1, *)
public struct OpenTransactionInterceptor: Sendable {
    /// The interceptor that claims and replays: for the status of keys, revoking, administering and shutting down.
    public let interceptor: IdempotencyInterceptor

    private let store: any SQLTableStore

    /// Makes an interceptor.
    ///
    /// - Parameters:
    ///   - store: Where records are kept; in the database that the service's transactions are in.
    ///   - policy: How operations are protected. Its lapse handling and its handling of store failures do not matter here: to
    ///     run again is always right, and without the store there is no effect.
    ///   - codec: How results and final failures are kept; JSON by default.
    ///   - observer: Learns of every event; none by default.
    ///   - runtime: Clock, executor and random source; the system's by default.
    public init(
        store: any SQLTableStore,
        policy: OperationPolicy = .standard,
        codec: any IdempotencyCodec = JSONIdempotencyCodec(),
        observer: (any IdempotencyObserver)? = nil,
        runtime: IdempotencyRuntime = .system()
    ) {
        interceptor = IdempotencyInterceptor(
            store: store,
            policy: policy.forTransactions,
            codec: codec,
            observer: observer,
            runtime: runtime
        )
        self.store = store
    }

    private init(_ interceptor: IdempotencyInterceptor, _ store: any SQLTableStore) {
        self.interceptor = interceptor
        self.store = store
    }

    /// The same interceptor with another policy: same store, same flights, same leases.
    ///
    /// - Parameter policy: How operations called through the returned view are protected.
    public func applying(_ policy: OperationPolicy) -> OpenTransactionInterceptor {
        OpenTransactionInterceptor(interceptor.applying(policy.forTransactions), store)
    }

    /// Claims a key, or answers with what is kept.
    ///
    /// - Parameters:
    ///   - key: What must happen once.
    ///   - fingerprint: What is asked for; the same key with another one is refused. `nil` checks nothing.
    ///   - failures: The error types that are final answers, kept and thrown again like a result.
    ///   - type: What the operation returns.
    /// - Returns: A run, to be ended by ``OpenRun/committed()`` or ``OpenRun/rolledBack(_:)``; or the answer.
    /// - Throws: A final failure that is kept; ``/Idempotency/IdempotencyError``.
    public func begin<Value: Codable>(
        key: IdempotencyKey,
        fingerprint: Fingerprint? = nil,
        failures: any FinalFailure.Type...,
        returning type: Value.Type
    ) async throws -> Beginning<Value> {
        var answer: IdempotentOutcome<Value>?
        let run = try await interceptor.begin(CodableResult<Value>.self, key, fingerprint, failures, answer: &answer)
        if let answer { return .answered(answer) }
        return .run(OpenRun(key, run, store))
    }
}
