/// What a client is to be sent.
@available(Idempotency 0.1, *)
public enum HTTPReply<Response> {
    /// The handler ran for this request: its response, with these fields added to it.
    case ran(Response, adding: [HeaderField])
    /// The handler did not run for this request: a replay, or a problem.
    case answered(HTTPAnswer)
}

@available(Idempotency 0.1, *)
extension HTTPReply: Sendable where Response: Sendable {}

@available(Idempotency 0.1, *)
extension HTTPReply: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Which of the two it is; never the framework's own response, or what the other holds.
    public var description: String {
        switch self {
        case .ran(_, let fields): "HTTPReply.ran(adding \(fields.count) fields)"
        case .answered(let answer): "HTTPReply.answered(\(answer))"
        }
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the response.
    public var customMirror: Mirror { Mirror(self, children: ["reply": description], displayStyle: .enum) }
}
