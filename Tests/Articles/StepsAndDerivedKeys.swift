import Idempotency

struct Invoice: Codable {
    let number: String
}

struct Invoices {
    func make(for receipt: Receipt) async throws -> Invoice { Invoice(number: receipt.number) }
}

struct Mailer {
    func send(_ invoice: Invoice) async throws {}
}

struct Orders {
    func ship(_ id: String, token: UInt64) async throws {}
}

struct Printer {
    func typeset(_ request: ChargeRequest) async throws -> String { request.id }
    func print(_ letter: String) async throws {}
}

/// The handler runs without a token.
struct Unprotected: Error {}

let invoices = Invoices()
let mailer = Mailer()
let orders = Orders()
let printer = Printer()
