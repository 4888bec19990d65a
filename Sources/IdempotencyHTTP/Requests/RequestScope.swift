internal import Idempotency

/// Where a request's key counts: for one operation, one principal, and one path among those of a route with parameters.
@available(Idempotency 0.1, *)
enum RequestScope {
    /// What texts begin with that stand for others: those that are too long for a key, or hold what no key may hold.
    private static let digestPrefix = "sha256 "

    /// The longest operation, escaped as a scope's text has it, beside which any principal has room: as a digest, if need be.
    private static let maximumOperation = 255 - ";principal=".utf8.count - digestPrefix.utf8.count - 64

    /// The operation is the method and the route, so that there are as many as a service has routes.
    static func scope(
        of request: IdempotentRequest,
        principal: String?
    ) throws(IdempotencyError) -> IdempotencyScope {
        let operation = operation(of: request)
        guard let principal, !principal.isEmpty else { return try IdempotencyScope(operation) }
        if !principal.hasPrefix(digestPrefix),
            let scope = try? IdempotencyScope(operation, principal: principal)
        {
            return scope
        }
        return try IdempotencyScope(operation, principal: digest(of: [principal]))
    }

    /// A route that is too long is known by its digest; whether it is, does not depend on who asks.
    private static func operation(of request: IdempotentRequest) -> String {
        let operation = "\(request.method) \(request.route)"
        // Each of the bytes that are escaped becomes three.
        if 3 * operation.utf8.count <= maximumOperation { return operation }
        let length = operation.utf8.reduce(0) { $0 + ("%/;=".utf8.contains($1) ? 3 : 1) }
        return length <= maximumOperation ? operation : "\(request.method) \(digest(of: [request.route]))"
    }

    /// The client's key; with the path, where the route leaves that open: one key on two paths is two operations.
    static func key(
        _ key: String,
        of request: IdempotentRequest,
        in scope: IdempotencyScope
    ) throws(IdempotencyError) -> IdempotencyKey {
        let parts = isWholePath(request) ? [key] : [key, NormalizedURI.path(request.path)]
        if !key.hasPrefix(digestPrefix), let key = try? IdempotencyKey(scope: scope, composing: parts) { return key }
        return try IdempotencyKey(scope: scope, value: digest(of: parts))
    }

    /// Whether the route says all of the path. Routers differ in what they take for the same: this one takes all of it, as the
    /// router has matched the two already.
    private static func isWholePath(_ request: IdempotentRequest) -> Bool {
        request.path == request.route
            || NormalizedURI.path(request.path).lowercased() == NormalizedURI.path(request.route).lowercased()
    }

    private static func digest(of texts: [String]) -> String {
        var hash = SHA256()
        for text in texts { hash.updateWithLengthPrefix(Array(text.utf8)) }
        return digestPrefix + Hex.text(hash.finalize())
    }
}
