/// What the rules need to know of a request before they see its body.
@available(Idempotency 0.1, *)
public struct IdempotentRequest: Sendable {
    /// The method, as it was sent: `POST`.
    public let method: String
    /// The path, as it was sent and without the query: `/payments/17/refunds`.
    public let path: String
    /// The query, as it was sent and without the question mark; `nil` if there is none.
    public let query: String?
    /// The route that the path was matched with, in the framework's own notation: `/payments/{id}/refunds`.
    public let route: String
    /// The fields, one element a line.
    public let fields: [HeaderField]

    /// Describes a request.
    ///
    /// - Parameters:
    ///   - method: The method, as it was sent.
    ///   - target: The request's target in origin form, as it was sent: path, and query if there is one.
    ///   - route: The route that the path was matched with; a service has a bounded number of them.
    ///   - fields: The fields, one element a line.
    public init(method: String, target: String, route: String, fields: [HeaderField]) {
        self.method = method
        let end = target.utf8.firstIndex(of: UInt8(ascii: "?"))
        path = end.map { String(target[..<$0]) } ?? target
        query = end.map { String(target[target.utf8.index(after: $0)...]) }
        self.route = route
        self.fields = fields
    }

    /// The values of the fields of a name, in their order.
    ///
    /// - Parameter name: The name; case does not count.
    public func values(of name: String) -> [String] { fields.values(of: name) }

    /// The body's length as announced by the first field `Content-Length`, in bytes, and `Int.max` if it is more than that; `nil`
    /// if there is no such field, or if it does not consist of digits (RFC 9110, section 8.6).
    public var contentLength: Int? {
        guard let value = fields.firstValue(of: "Content-Length"), !value.isEmpty,
            value.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int(value) ?? .max
    }
}

@available(Idempotency 0.1, *)
extension IdempotentRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The method and the route; never a field's value, or a path that names somebody.
    public var description: String { "IdempotentRequest(\(method) \(route), \(fields.count) fields)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the path, the query and the fields.
    public var customMirror: Mirror { Mirror(self, children: ["request": description], displayStyle: .struct) }
}
