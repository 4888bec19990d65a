public import Idempotency

/// Runs handlers whose effects and whose result are committed in one database transaction: exactly once per key, through any
/// crash.
///
/// The key is claimed first, committed and leased as by an ``/Idempotency/IdempotencyInterceptor``. Then a transaction holds
/// the handler's effects and, as its last statement, the result, which is only written if the key is still this run's. So a
/// run that died has left no effect, and running again is right; and a run that lost its lease takes its effects back.
/// Whatever the handler does elsewhere than in its transaction is not covered.
///
/// ```swift
/// let ledger = TransactionalInterceptor(store: store)
/// let receipt = try await ledger.idempotent(key: key) { transaction, execution in
///     try await transaction.execute("UPDATE accounts SET balance = balance - \(amount) WHERE id = \(account)")
///     return Receipt(amount: amount)
/// }
/// ```
@available(Idempotency 0.1, *)
public struct TransactionalInterceptor: Sendable {
    /// The interceptor that claims and replays: for the status of keys, revoking, administering and shutting down.
    public let interceptor: IdempotencyInterceptor

    private let store: any TransactionalIdempotencyStore
    private let transactionLimit: Duration?
    private let maximumTries: Int

    /// Makes an interceptor.
    ///
    /// - Parameters:
    ///   - store: Where records are kept, and the effects beside them.
    ///   - policy: How operations are protected. Its lapse handling and its handling of store failures do not matter here: to
    ///     run again is always right, and without the store there is no effect.
    ///   - transactionLimit: How long a transaction may stay open; `nil`: a third of the lease. A store may allow less.
    ///   - maximumTries: How often a transaction is begun that the database undoes to let another one pass; at least 1.
    ///   - codec: How results and final failures are kept; JSON by default.
    ///   - observer: Learns of every event; none by default.
    ///   - runtime: Clock, executor and random source; the system's by default.
    public init(
        store: any TransactionalIdempotencyStore,
        policy: OperationPolicy = .standard,
        transactionLimit: Duration? = nil,
        maximumTries: Int = 10,
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
        self.transactionLimit = transactionLimit
        self.maximumTries = max(1, maximumTries)
    }

    private init(_ interceptor: IdempotencyInterceptor, _ other: TransactionalInterceptor) {
        self.interceptor = interceptor
        store = other.store
        transactionLimit = other.transactionLimit
        maximumTries = other.maximumTries
    }

    /// How transactions are opened: for as long as this view's policy says, if nothing else was asked for.
    private var settings: TransactionSettings {
        TransactionSettings(
            store: store,
            limit: transactionLimit ?? interceptor.policy.lease / 3,
            maximumTries: maximumTries
        )
    }

    /// The same interceptor with another policy: same store, same flights, same leases.
    ///
    /// - Parameter policy: How operations called through the returned view are protected.
    public func applying(_ policy: OperationPolicy) -> TransactionalInterceptor {
        TransactionalInterceptor(interceptor.applying(policy.forTransactions), self)
    }

    /// Runs statements in a transaction of their own, without any key: to make a service's tables, or to look at them.
    ///
    /// - Parameter body: The statements' place; runs again where the database undoes a transaction to let another one pass.
    /// - Returns: What `body` returned, once it is committed.
    /// - Throws: What `body` throws, and nothing is changed then; ``SQLError`` if it could not be committed.
    @discardableResult
    public func transaction<Value>(
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Value
    ) async throws -> Value {
        try await PlainTransactor(settings: settings).transact(body)
    }

    typealias Handler<Value> = nonisolated(nonsending) (SQLTransaction, TransactionalExecution) async throws -> Value

    func run<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding,
        _ handler: Handler<Kind.Value>
    ) async throws -> Kind.Value {
        try await interceptor.transact(kind, key, fingerprint, failures, &ending) { run in
            try await ProtectedTransactor(settings: settings, run: run).execute(handler)
        } unprotected: { execution in
            try await PlainTransactor(settings: settings).execute(execution, handler)
        }
    }
}
