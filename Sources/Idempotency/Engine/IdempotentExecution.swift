/// What a handler knows of its run, and the steps it can take under it.
@available(Idempotency 0.1, *)
public struct IdempotentExecution: Sendable {
    private enum Context {
        case run(Run, Engine)
        case unprotected(IdempotencyKey)
    }

    private let context: Context

    init(_ run: Run, _ engine: Engine) {
        context = .run(run, engine)
    }

    init(unprotected key: IdempotencyKey) {
        context = .unprotected(key)
    }

    private var protected: (run: Run, engine: Engine)? {
        if case .run(let run, let engine) = context { (run, engine) } else { nil }
    }

    private var run: Run? { protected?.run }

    /// Whether an error that the handler throws is one of this run's own, and not of a call that the handler made with another key.
    package func isOwn(_ error: IdempotencyError) -> Bool {
        error.claimant != nil && error.claimant == run?.claimant
    }

    /// The key that is being run.
    public var key: IdempotencyKey {
        switch context {
        case .run(let run, _): run.key
        case .unprotected(let key): key
        }
    }

    /// The token of this run's claim, for a downstream system that refuses stale ones. `nil` if the handler runs without
    /// protection: the store was down and the policy fails open, or the operation's mode is off or observes only.
    public var token: FencingToken? { run?.withState { $0.token } }

    /// Which attempt of the key this is; the first is 1. Counted anew after a person has set the key free to run again.
    public var attempt: Int { run?.withState { $0.stored?.record.attempt } ?? 1 }

    /// Whether an earlier attempt of this key was begun.
    public var isRerun: Bool {
        attempt > 1 || run?.withState { $0.stored?.record.settlement != nil } ?? false
    }

    /// How long the lease holds without renewal, by this process's clock and on the safe side; zero once it is lost.
    /// `nil` if the handler runs without protection.
    public var leaseRemaining: Duration? {
        guard let (run, engine) = protected else { return nil }
        if run.withState({ $0.phase }) != .held { return .zero }
        return engine.leaseRemaining(of: run)
    }

    /// Makes sure that the key is still this run's. Call it right before an effect that nothing else guards.
    ///
    /// Asks the store only if the lease may be over.
    ///
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/leaseLost`` if another claimed the key, or with
    ///   ``IdempotencyError/Code/storeUnavailable`` if the lease is over and the store does not answer.
    public func checkLease() async throws {
        guard let (run, engine) = protected else { return }
        try await engine.assureLease(of: run)
    }

    /// A stable key for a call that this operation makes downstream: every attempt of this key gets the same one.
    ///
    /// - Parameter name: What the downstream call is, unique in this operation.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidKey`` if the name cannot be an operation.
    public func key(for name: String) throws(IdempotencyError) -> IdempotencyKey {
        try key.derived(for: name)
    }

    /// Takes a step whose result is kept in the record, so that a re-run skips it.
    ///
    /// - Parameters:
    ///   - name: The step's name, unique in this run; keep it as long as records live.
    ///   - body: The step; runs in the caller's isolation.
    /// - Returns: What the step returned, in this attempt or an earlier one.
    /// - Throws: What `body` throws; ``IdempotencyError`` with ``IdempotencyError/Code/repeatedStep``,
    ///   ``IdempotencyError/Code/leaseLost``, ``IdempotencyError/Code/resultNotSaved`` if the step ran but could not be
    ///   recorded, or ``IdempotencyError/Code/resultNotKept`` if an earlier attempt's result was too large to keep.
    public func step<Value: Codable>(
        _ name: String,
        _ body: nonisolated(nonsending) () async throws -> Value
    ) async throws -> Value {
        guard let (run, engine) = protected else { return try await body() }
        if let kept = try await engine.beginStep(name, of: run) {
            return try ResultKeeping.restore(Value.self, from: kept, with: engine.codec)
        }
        let value = try await body()
        let limit = run.call.policy.maximumResultSize
        try await engine.endStep(name, ResultKeeping.keep(value, with: engine.codec, limit: limit), of: run)
        return value
    }

    /// Takes a step that returns nothing, and that a re-run skips.
    ///
    /// - Parameters:
    ///   - name: The step's name, unique in this run; keep it as long as records live.
    ///   - body: The step; runs in the caller's isolation.
    /// - Throws: As the step that returns a value.
    @_disfavoredOverload
    public func step(_ name: String, _ body: nonisolated(nonsending) () async throws -> Void) async throws {
        guard let (run, engine) = protected else { return try await body() }
        if let kept = try await engine.beginStep(name, of: run) { return try ResultKeeping.restoreVoid(from: kept) }
        try await body()
        try await engine.endStep(name, .void, of: run)
    }

    /// Refuses a step whose result could not be kept.
    @available(*, deprecated, message: "The step's result is not Codable and could not be kept; make it Codable.")
    @_disfavoredOverload
    public func step<Value>(
        _ name: String,
        _ body: nonisolated(nonsending) () async throws -> Value
    ) async throws -> Value {
        throw IdempotencyError.nonCodableResult
    }
}
