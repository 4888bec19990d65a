import Idempotency

struct Payout: Codable {
    let id: String
    let cents: Int
}

struct Batch {
    let id: String
    let payouts: [Payout]
}

struct Job {
    let key: IdempotencyKey
    let amount: Int
}

struct Jobs {
    func save(_ job: Job) async throws {}
}

let tenant = "acme"
let customer = "c-7"
let month = "2025-11"
let coupon: String? = nil
let jobs = Jobs()
let batch = Batch(id: "b-1", payouts: [])
let longName = "a long name"

func sha256Hex(of text: String) -> String { text }
