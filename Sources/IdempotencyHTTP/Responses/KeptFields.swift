public import Idempotency

/// Which of a response's fields a replay repeats.
@available(Idempotency 0.1, *)
public struct KeptFields: Sendable {
    /// The fields that describe the content or protect it, and those that say where to find a new resource.
    public static let standard = KeptFields(
        unchecked: ofContent.sorted() + [
            "accept-patch", "accept-ranges", "allow", "cache-control", "content-location",
            "cross-origin-embedder-policy",
            "cross-origin-opener-policy", "cross-origin-resource-policy", "deprecation", "etag", "expires", "link",
            "location", "permissions-policy", "pragma", "preference-applied", "referrer-policy",
            "strict-transport-security", "sunset", "vary", "x-content-type-options", "x-frame-options", "x-robots-tag",
        ]
    )

    /// The fields that hold for one body, and would be wrong beside another one. `Retry-After` is among them: a client that
    /// repeats a request without a kept body has nothing to wait for.
    private static let ofContent: Set<String> = [
        "content-digest", "content-disposition", "content-encoding", "content-language", "content-md5", "content-range",
        "content-security-policy", "content-security-policy-report-only", "content-type", "digest", "last-modified",
        "repr-digest", "retry-after",
    ]

    /// Those that still hold where the body is not kept.
    static func withoutContent(_ fields: [HeaderField]) -> [HeaderField] {
        fields.filter { !ofContent.contains($0.name.lowercased()) }
    }

    /// What belongs to one connection, one moment or one person's session, and what the rules say themselves.
    private static let neverKept: Set<String> = [
        // https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        // https://www.rfc-editor.org/rfc/rfc9110#section-11
        "authentication-info", "authorization", "proxy-authenticate", "proxy-authentication-info",
        "proxy-authorization",
        "www-authenticate",
        // https://www.rfc-editor.org/rfc/rfc6265
        "cookie", "set-cookie", "set-cookie2",
        // Made anew for each response.
        "age", "content-length", "date",
        // The rules' own.
        "idempotent-replayed", "idempotency-key-lifetime",
    ]

    /// Few, and in a row: they are gone through for each field.
    private let names: [String]

    private init(unchecked names: [String]) {
        self.names = names
    }

    /// Allows fields by name, instead of ``standard``.
    ///
    /// - Parameter names: The names; case does not count.
    /// - Throws: `IdempotencyError` with `invalidPolicy` for a field that must not be repeated: of a connection
    ///   (RFC 9110, section 7.6.1), credentials and challenges, cookies, `Age`, `Content-Length`, `Date`, and the rules' own.
    public init(_ names: some Sequence<String>) throws(IdempotencyError) {
        var kept: [String] = []
        for name in names {
            let name = name.lowercased()
            if Self.neverKept.contains(name) {
                throw IdempotencyError(
                    code: .invalidPolicy,
                    message: "A replay must not repeat the field \(name); leave it out of the kept fields."
                )
            }
            kept.append(name)
        }
        self.init(unchecked: kept)
    }

    /// These and more.
    ///
    /// - Parameter names: The names; case does not count.
    /// - Throws: As the initializer.
    public func adding(_ names: String...) throws(IdempotencyError) -> KeptFields {
        KeptFields(unchecked: self.names + (try KeptFields(names).names))
    }

    /// Those of a response's fields that are kept.
    func kept(of fields: [HeaderField]) -> [HeaderField] {
        let kept = fields.filter { field in
            for name in names where field.has(name) { return true }
            return false
        }
        let connection = fields.values(of: "connection")
        if connection.isEmpty { return kept }
        let ofConnection = connection.flatMap { $0.split(separator: ",") }.map { $0.trimmingSpaces() }
        return kept.filter { field in !ofConnection.contains { field.has(String($0)) } }
    }
}

@available(Idempotency 0.1, *)
extension Substring {
    /// Without the white space around it that RFC 9110 allows in lists (section 5.6.3).
    func trimmingSpaces() -> Substring {
        let start = drop { $0 == " " || $0 == "\t" }
        return start.lastIndex { $0 != " " && $0 != "\t" }.map { start[...$0] } ?? ""
    }
}
