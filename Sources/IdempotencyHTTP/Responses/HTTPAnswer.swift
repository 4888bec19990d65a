/// A response as bytes: one that was kept, or one that the rules give by themselves.
@available(Idempotency 0.1, *)
public struct HTTPAnswer: Equatable, Sendable {
    /// The status code.
    public let status: Int
    /// The fields, one element a line; without `Content-Length`, which the framework adds.
    public let fields: [HeaderField]
    /// The body.
    public let body: [UInt8]

    /// Makes a response.
    ///
    /// - Parameters:
    ///   - status: The status code; 100 to 999.
    ///   - fields: The fields, one element a line.
    ///   - body: The body.
    public init(status: Int, fields: [HeaderField], body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    func adding(_ more: [HeaderField]) -> HTTPAnswer {
        HTTPAnswer(status: status, fields: fields + more, body: body)
    }
}

@available(Idempotency 0.1, *)
extension HTTPAnswer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The status and the sizes; never a field's value or the body.
    public var description: String { "HTTPAnswer(\(status), \(fields.count) fields, \(body.count) bytes)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the fields' values and the body.
    public var customMirror: Mirror { Mirror(self, children: ["status": status], displayStyle: .struct) }
}
