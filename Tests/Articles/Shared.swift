// What the texts' blocks of code talk about. They are type-checked with it and never run: see Scripts/check-articles.

import Idempotency

struct ChargeRequest: Codable, Sendable {
    let id: String
    let cents: Int
}

struct Receipt: Codable, Equatable, Sendable {
    var number: String
}

protocol Bank: Sendable {
    func charge(_ cents: Int, reference: String) async throws -> Receipt
}

let user = "alice"
let request = ChargeRequest(id: "order-7", cents: 1250)
var bank: any Bank { fatalError() }
var store: any ListableIdempotencyStore { fatalError() }
var interceptor: IdempotencyInterceptor { fatalError() }
var key: IdempotencyKey { fatalError() }
