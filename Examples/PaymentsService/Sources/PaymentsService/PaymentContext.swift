import Hummingbird
import Idempotency
import IdempotencyHummingbird

/// What handlers know of a request: who sent it, and the run that it is answered in.
struct PaymentContext: IdempotentRequestContext {
    var coreContext: CoreRequestContextStorage
    var idempotentExecution: IdempotentExecution?
    /// Who sent the request, once that is known.
    var user: String?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}
