/// A field of a request or a response: a name, of which case does not count, and a value.
@available(Idempotency 0.1, *)
public struct HeaderField: Hashable, Sendable {
    /// The name; case does not count.
    public let name: String
    /// The value, one line of it.
    public let value: String

    /// Makes a field.
    ///
    /// - Parameters:
    ///   - name: The name; case does not count.
    ///   - value: The value, one line of it.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

@available(Idempotency 0.1, *)
extension Sequence where Element == HeaderField {
    /// The values of the fields of a name, in their order.
    func values(of name: String) -> [String] {
        let name = name.lowercased()
        return compactMap { $0.name.utf8.count == name.utf8.count && $0.name.lowercased() == name ? $0.value : nil }
    }
}
