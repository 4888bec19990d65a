/// What a handler answered: the framework's own response, and as much of it as can be kept.
@available(Idempotency 0.1, *)
public struct HandlerResponse<Response> {
    /// The framework's own response, or whatever the service makes one of.
    public let response: Response
    /// Its status code.
    public let status: Int
    /// Its fields, one element a line.
    public let fields: [HeaderField]
    /// Its body; `nil` if that is a stream, or longer than what is kept.
    public let body: [UInt8]?
    /// The handler's own decision whether the response is kept; `nil`: ``HTTPIdempotencyPolicy/disposition`` decides.
    public let disposition: ResponseDisposition?

    /// Describes a response.
    ///
    /// - Parameters:
    ///   - response: The framework's own response; it is what the first caller gets.
    ///   - status: Its status code; 100 to 999.
    ///   - fields: Its fields, one element a line.
    ///   - body: Its body; `nil` if that is a stream, or longer than ``AdmittedRequest/maximumKeptBody``. Retries are then told
    ///     that the response was not kept.
    ///   - disposition: The handler's own decision whether the response is kept; `nil`: ``HTTPIdempotencyPolicy/disposition``
    ///     decides.
    public init(
        _ response: Response,
        status: Int,
        fields: [HeaderField],
        body: [UInt8]?,
        disposition: ResponseDisposition? = nil
    ) {
        self.response = response
        self.status = status
        self.fields = fields
        self.body = body
        self.disposition = disposition
    }
}

@available(Idempotency 0.1, *)
extension HandlerResponse: Sendable where Response: Sendable {}

@available(Idempotency 0.1, *)
extension HandlerResponse: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The status and the sizes; never a field's value or the body.
    public var description: String {
        "HandlerResponse(\(status), \(fields.count) fields, \(body.map { "\($0.count) bytes" } ?? "not kept"))"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the response, the fields' values and the body.
    public var customMirror: Mirror { Mirror(self, children: ["status": status], displayStyle: .struct) }
}
