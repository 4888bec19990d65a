import Idempotency

let purchase = ChargeRequest(id: "order-7", cents: 1250)

/// A bank that makes one charge a reference.
actor CountingBank: Bank {
    private var receipts: [String: Receipt] = [:]
    private(set) var calls = 0

    var charges: Int { receipts.count }

    func charge(_ cents: Int, reference: String) async throws -> Receipt {
        calls += 1
        if let receipt = receipts[reference] { return receipt }
        let receipt = Receipt(number: "\(receipts.count + 1)")
        receipts[reference] = receipt
        return receipt
    }
}
