import Foundation
import Hummingbird

/// What a client asks for.
struct Payment: Decodable, Sendable {
    /// In cents.
    let amount: Int
    /// What is paid for.
    let order: String

    func validate() throws {
        guard (1...1_000_000).contains(amount) else {
            throw HTTPError(.badRequest, message: "The amount must be 1 to 1000000 cents.")
        }
        guard (1...100).contains(order.utf8.count) else {
            throw HTTPError(.badRequest, message: "The order must have 1 to 100 bytes.")
        }
    }
}

/// What a client gets for a charge.
struct Receipt: ResponseEncodable, Sendable {
    /// The charge's number.
    let number: Int
    /// In cents.
    let amount: Int
    let order: String
    /// When the handler answered. Another one in each run, so that a replay can be told from a second run.
    let issued: String

    init(_ charge: Charge) {
        number = charge.number
        amount = charge.amount
        order = charge.order
        issued = Date().ISO8601Format(.init(includingFractionalSeconds: true))
    }
}
