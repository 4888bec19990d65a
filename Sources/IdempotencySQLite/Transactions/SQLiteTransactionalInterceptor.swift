#if SQLite
public import Idempotency
internal import IdempotencySQL
import Synchronization

/// Runs synchronous handlers on the thread that writes the database: effects and result are committed in one transaction,
/// and those of many callers together.
///
/// As `TransactionalInterceptor`, and many times as fast, for handlers that do nothing but talk to the database: nobody waits
/// while a handler is somewhere else, and one flush of the disk serves all that wait. A handler that takes long holds up
/// everybody else.
///
/// ```swift
/// let ledger = SQLiteTransactionalInterceptor(store: store)
/// let receipt = try await ledger.idempotent(key: key) { transaction, execution in
///     try transaction.execute("UPDATE accounts SET balance = balance - \(amount) WHERE id = \(account)")
///     return Receipt(amount: amount)
/// }
/// ```
@available(Idempotency 0.1, *)
public struct SQLiteTransactionalInterceptor: Sendable {
    /// The interceptor that claims and replays: for the status of keys, revoking, administering and shutting down.
    public let interceptor: IdempotencyInterceptor

    private let worker: SQLiteWorker

    /// Makes an interceptor.
    ///
    /// - Parameters:
    ///   - store: Where records are kept, and the effects beside them.
    ///   - policy: How operations are protected. Its lapse handling and its handling of store failures do not matter here: to
    ///     run again is always right, and without the store there is no effect.
    ///   - codec: How results and final failures are kept; JSON by default.
    ///   - observer: Learns of every event; none by default.
    ///   - runtime: Clock, executor and random source; the system's by default.
    public init(
        store: SQLiteIdempotencyStore,
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
        worker = store.worker
    }

    private init(_ interceptor: IdempotencyInterceptor, _ worker: SQLiteWorker) {
        self.interceptor = interceptor
        self.worker = worker
    }

    /// The same interceptor with another policy: same store, same flights, same leases.
    ///
    /// - Parameter policy: How operations called through the returned view are protected.
    public func applying(_ policy: OperationPolicy) -> SQLiteTransactionalInterceptor {
        SQLiteTransactionalInterceptor(interceptor.applying(policy.forTransactions), worker)
    }

    /// Runs statements in a transaction of their own, without any key: to make a service's tables, or to look at them.
    ///
    /// - Parameter body: The statements' place; runs on the store's thread.
    /// - Returns: What `body` returned, once it is committed.
    /// - Throws: What `body` throws, and nothing is changed then; ``/Idempotency/IdempotencyError`` if it could not be
    ///   committed.
    @discardableResult
    public func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteTransaction) throws -> Value
    ) async throws -> Value {
        try await worker.use { records, _ in
            try records.connection.beginEffects()
            let transaction = SQLiteTransaction(records.connection)
            defer { transaction.end() }
            let value = try body(transaction)
            try records.connection.commitEffects()
            return value
        }
    }

    typealias Handler<Value> = @Sendable (SQLiteTransaction, IdempotentExecution) throws -> Value

    func run<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding,
        _ handler: @escaping Handler<Kind.Value>
    ) async throws -> Kind.Value where Kind.Value: Sendable {
        try await interceptor.transact(kind, key, fingerprint, failures, &ending) { run in
            try await execute(run, handler)
        } unprotected: { execution in
            try await transaction { transaction in try handler(transaction, execution) }
        }
    }

    /// What became of a handler on the worker's thread. Set there, and read once that has answered.
    private final class Outcome<Value: Sendable>: Sendable {
        private struct State {
            var result: Result<Value, any Error>?
            var write: RecordWrite?
        }

        private let state = Mutex(State())

        var result: Result<Value, any Error>? { state.withLock { $0.result } }
        var write: RecordWrite? { state.withLock { $0.write } }

        func set(_ result: Result<Value, any Error>, _ write: RecordWrite?) {
            state.withLock { $0 = State(result: result, write: write) }
        }
    }

    private func execute<Kind: ResultKind>(
        _ run: TransactionalRun<Kind>,
        _ handler: @escaping Handler<Kind.Value>
    ) async throws -> Kind.Value where Kind.Value: Sendable {
        let outcome = Outcome<Kind.Value>()
        await run.takeTurn()
        let end = await run.finish {
            await worker.transact(run.key) { connection in
                let write: RecordWrite?
                do {
                    let transaction = SQLiteTransaction(connection)
                    defer { transaction.end() }
                    let value = try handler(transaction, run.execution)
                    write = run.completion(value)
                    outcome.set(.success(value), write)
                } catch {
                    outcome.set(.failure(error), nil)
                    guard run.isFinal(error) else { throw error }
                    try connection.undoEffects()
                    write = run.failure(error)
                    outcome.set(.failure(error), write)
                }
                guard let write else { return nil }
                return SQLiteRecords.Write(key: run.key, expected: write.expected, change: .write(write.record))
            } writing: {
                outcome.write
            }
        }
        switch end {
        case .committed:
            switch outcome.result {
            case .success(let value)?: return value
            case .failure(let error)?: throw RunIsOver(error)
            case nil: preconditionFailure("a handler that was not run has committed nothing")
            }
        case .over(let error): throw RunIsOver(error)
        case .undone(let error):
            // A failure for good was decided on what is undone now, another handler's effects in the same transaction among it:
            // it is left to the next call to decide. What the handler threw otherwise says more than the database.
            guard case .failure(let failure)? = outcome.result, !run.isFinal(failure) else { throw error }
            throw failure
        }
    }
}
#endif
