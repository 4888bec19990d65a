internal import HTTPTypes
internal import Hummingbird
internal import IdempotencyHTTP

@available(Idempotency 0.1, *)
extension IdempotentRequest {
    /// Describes a request.
    ///
    /// - Parameter route: What the router has matched it with; without one all paths are one route, and the path counts in the key.
    init(_ request: Request, route: String?) {
        self.init(
            method: request.method.rawValue,
            // Not the target as it was sent: that may be a whole URI (RFC 9112, section 3.2.2), and is the same request.
            target: request.uri.query.map { "\(request.uri.path)?\($0)" } ?? request.uri.path,
            route: route ?? "*",
            fields: request.headers.map { HeaderField($0.name.rawName, $0.value) }
        )
    }
}
