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
