internal import HTTPTypes
internal import Hummingbird
internal import IdempotencyHTTP
internal import NIOCore

@available(Idempotency 0.1, *)
extension Response {
    init(_ answer: HTTPAnswer) {
        self.init(
            status: HTTPResponse.Status(code: answer.status),
            headers: HTTPFields(answer.fields),
            body: answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
        )
    }
}

@available(Idempotency 0.1, *)
extension HTTPFields {
    init(_ fields: [HeaderField]) {
        self.init()
        for field in fields {
            // Kept fields come from a response, and the rules' own have names.
            guard let name = HTTPField.Name(field.name) else { continue }
            append(HTTPField(name: name, value: field.value))
        }
    }
}
