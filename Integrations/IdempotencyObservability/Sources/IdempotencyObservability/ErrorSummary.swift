internal import Idempotency

/// What is safe to tell of any error: its type, and its code if it is the library's. Never its text, which other code wrote.
@available(Idempotency 0.1, *)
struct ErrorSummary {
    /// The name of the error's type.
    let type: String
    /// The code of an ``IdempotencyError``; `nil` for every other error.
    let code: String?

    init(_ error: any Error) {
        type = String(describing: Swift.type(of: error))
        code = (error as? IdempotencyError)?.code.description
    }
}
