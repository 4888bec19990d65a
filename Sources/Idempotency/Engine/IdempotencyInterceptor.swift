/// Runs handlers at most once per key at a time, and answers duplicates with the first result.
///
/// Make one for each store and share it: callers that use one interceptor wait for each other without asking the store.
/// A view with another policy (``applying(_:)``) shares everything else.
///
/// ```swift
/// let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
/// let receipt = try await interceptor.idempotent(key: key, fingerprint: Fingerprint(of: request)) { execution in
///     try await bank.charge(request, reference: execution.key(for: "bank").value)
/// }
/// ```
@available(Idempotency 0.1, *)
public struct IdempotencyInterceptor: Sendable {
    let engine: Engine

    /// How this view's operations are protected.
    public let policy: OperationPolicy

    /// Makes an interceptor.
    ///
    /// - Parameters:
    ///   - store: Where records are kept; of any kind, so that business code does not depend on it.
    ///   - policy: How operations are protected, unless a view says otherwise.
    ///   - codec: How results and final failures are kept; JSON by default.
    ///   - observer: Learns of every event; none by default.
    ///   - runtime: Clock, executor and random source; the system's by default. Tests hand in their own.
    public init(
        store: any IdempotencyStore,
        policy: OperationPolicy = .standard,
        codec: any IdempotencyCodec = JSONIdempotencyCodec(),
        observer: (any IdempotencyObserver)? = nil,
        runtime: IdempotencyRuntime = .system()
    ) {
        engine = Engine(store: store, codec: codec, observer: observer, runtime: runtime)
        self.policy = policy
    }

    private init(engine: Engine, policy: OperationPolicy) {
        self.engine = engine
        self.policy = policy
    }

    /// The same interceptor with another policy: same store, same flights, same leases.
    ///
    /// - Parameter policy: How operations called through the returned view are protected.
    public func applying(_ policy: OperationPolicy) -> IdempotencyInterceptor {
        IdempotencyInterceptor(engine: engine, policy: policy)
    }

    func call(_ key: IdempotencyKey, _ fingerprint: Fingerprint?) -> Call {
        Call(key: key, fingerprint: fingerprint, policy: policy)
    }
}
