internal import Idempotency

/// What the callers of a transactional run are told.
@available(Idempotency 0.1, *)
enum TransactionErrors {
    /// The error that a caller sees: a database that is away is `storeUnavailable`, as it is for the store's own calls.
    static func told(_ error: any Error) -> any Error {
        guard let failure = error as? SQLError, failure.isUnavailable else { return error }
        let code = failure.code.isEmpty ? "" : " (\(failure.code))"
        return IdempotencyError(
            code: .storeUnavailable,
            message:
                "The database ended the connection of the handler's transaction, or cannot be written to\(code). Nothing of the "
                + "transaction took effect; retry later.",
            cause: failure
        )
    }
}
