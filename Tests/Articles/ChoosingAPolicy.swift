import Idempotency

enum CardError: FinalFailure {
    static let failureName = "card-error"
    case declined
}

/// What a bank says of a reference.
enum Finding {
    case charged(Receipt)
    case declined
    case unheardOf
    case pending
}

extension Bank {
    func find(reference: String) async throws -> Finding { .pending }
}
