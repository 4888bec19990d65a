internal import HTTPTypes
internal import Hummingbird
internal import IdempotencyHTTP
internal import NIOCore

@available(Idempotency 0.1, *)
extension Response {
    init(_ answer: HTTPAnswer) {
        var headers = HTTPFields()
        headers.append(answer.fields)
        self.init(
            status: HTTPResponse.Status(code: answer.status),
            headers: headers,
            body: answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
        )
    }
}

@available(Idempotency 0.1, *)
extension HTTPFields {
    mutating func append(_ fields: [HeaderField]) {
        for field in fields {
            let known = HTTPField.Name.ofTheRules.first { $0.rawName == field.name }
            // Kept fields come from a response, and the rules' own have names.
            guard let name = known ?? HTTPField.Name(field.name) else { continue }
            append(HTTPField(name: name, value: field.value))
        }
    }
}

@available(Idempotency 0.1, *)
extension HTTPField.Name {
    /// The fields that the rules alone set.
    static let ofTheRules = [HTTPIdempotency.replayedField.name, HTTPIdempotency.lifetimeFieldName].map { Self($0)! }
}
