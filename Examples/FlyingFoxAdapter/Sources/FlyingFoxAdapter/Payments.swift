import FlyingFox
import Foundation
import Idempotency
import IdempotencyHTTP

/// A service that takes payments: `POST /payments` with an amount in cents.
actor Payments {
    private struct Order: Decodable {
        let cents: Int
    }

    private struct Receipt: Encodable {
        let number: Int
        let cents: Int
        let customer: String
    }

    private(set) var charges = 0

    /// The handler of the route, behind the rules.
    nonisolated func handler(_ rules: HTTPIdempotency) -> IdempotentHandler {
        IdempotentHandler(rules: rules, route: "/payments", principal: Self.customer) { request, _ in
            try await self.charge(request)
        }
    }

    /// Who sent a request. A real service looks a token up; this one takes a name.
    private static func customer(of request: HTTPRequest) -> String? {
        let words = request.headers[.authorization]?.split(separator: " ") ?? []
        return words.count == 2 && words[0] == "Bearer" ? String(words[1]) : nil
    }

    private func charge(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let customer = Self.customer(of: request) else { return HTTPResponse(statusCode: .unauthorized) }
        guard let order = try? JSONDecoder().decode(Order.self, from: try await request.bodyData), order.cents > 0
        else {
            return HTTPResponse(statusCode: .badRequest, body: Data("An amount in cents, please.\n".utf8))
        }
        charges += 1
        let number = charges
        print("charge \(number): \(order.cents) cents, \(customer)")
        return HTTPResponse(
            statusCode: .created,
            headers: [.contentType: "application/json", .location: "/payments/\(number)"],
            body: try JSONEncoder().encode(Receipt(number: number, cents: order.cents, customer: customer))
        )
    }
}
