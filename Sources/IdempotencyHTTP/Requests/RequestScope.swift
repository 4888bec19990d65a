internal import Idempotency

/// Where a request's key counts: for one operation, one principal, and one path among those of a route with parameters.
@available(Idempotency 0.1, *)
enum RequestScope {
    /// What texts begin with that stand for others: those that are too long for a key, or hold what no key may hold.
    private static let digestPrefix = "sha256 "

    /// The operation is the method and the route, so that there are as many as a service has routes.
    static func scope(
        of request: IdempotentRequest,
        principal: String?
    ) throws(IdempotencyError) -> IdempotencyScope {
        let operation = "\(request.method) \(request.route)"
        guard let principal, !principal.isEmpty else { return try IdempotencyScope(operation) }
        if !principal.hasPrefix(digestPrefix),
            let scope = try? IdempotencyScope(operation, principal: principal)
        {
            return scope
        }
        return try IdempotencyScope(operation, principal: digest(of: [principal]))
    }

    /// The client's key; with the path, where the route leaves that open: one key on two paths is two operations.
    static func key(
        _ key: String,
        of request: IdempotentRequest,
        in scope: IdempotencyScope
    ) throws(IdempotencyError) -> IdempotencyKey {
        let isWholePath = request.path == request.route || normalized(request.path) == normalized(request.route)
        let parts = isWholePath ? [key] : [key, normalized(request.path)]
        if !key.hasPrefix(digestPrefix), let key = try? IdempotencyKey(scope: scope, composing: parts) { return key }
        return try IdempotencyKey(scope: scope, value: digest(of: parts))
    }

    /// Without empty segments, of which routers take no notice.
    private static func normalized(_ path: String) -> String {
        "/" + path.split(separator: "/").joined(separator: "/")
    }

    private static func digest(of texts: [String]) -> String {
        var hash = SHA256()
        for text in texts { hash.updateWithLengthPrefix(Array(text.utf8)) }
        return digestPrefix + Hex.text(hash.finalize())
    }
}
