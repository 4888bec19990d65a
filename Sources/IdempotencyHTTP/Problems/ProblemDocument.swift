internal import Idempotency

/// A problem document in JSON (RFC 9457, section 3).
@available(Idempotency 0.1, *)
struct ProblemDocument: Encodable {
    static let contentType = "application/problem+json"

    let type: String
    let title: String
    let status: Int
    let detail: String

    func encoded() -> [UInt8] {
        do {
            return try SortedJSON.encode(self)
        } catch {
            preconditionFailure("texts and a number are always encoded")
        }
    }
}
