public import Hummingbird
public import Idempotency

/// A request's context that hands the run to its handler: for the fencing token, keys for calls downstream, and steps.
///
/// ```swift
/// struct Context: IdempotentRequestContext {
///     var coreContext: CoreRequestContextStorage
///     var idempotentExecution: IdempotentExecution?
///     init(source: Source) { coreContext = .init(source: source) }
/// }
/// ```
@available(Idempotency 0.1, *)
public protocol IdempotentRequestContext: RequestContext {
    /// The run that the handler is called for; `nil` for a request that is not protected.
    var idempotentExecution: IdempotentExecution? { get set }
}
