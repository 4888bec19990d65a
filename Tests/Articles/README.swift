import Idempotency

/// A bank that counts how often it charged.
actor CountingBank: Bank {
    private(set) var charges = 0

    func charge(_ cents: Int, reference: String) async throws -> Receipt {
        charges += 1
        return Receipt(number: reference)
    }
}

let cents = 1250

struct NoMoney: FinalFailure {
    static let failureName = "no-money"
}
