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

    /// Whether the name is this one but for the case of its letters, which are ASCII (RFC 9110, section 5.1).
    func has(_ other: String) -> Bool {
        guard name.utf8.count == other.utf8.count else { return false }
        var (name, other) = (name, other)
        return name.withUTF8 { name in
            other.withUTF8 { other in
                for (left, right) in zip(name, other) where left != right {
                    guard left ^ right == 0x20, (0x61...0x7A).contains(left | 0x20) else { return false }
                }
                return true
            }
        }
    }
}

@available(Idempotency 0.1, *)
extension HeaderField: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The name; never the value.
    public var description: String { "HeaderField(\(name))" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the value.
    public var customMirror: Mirror { Mirror(self, children: ["name": name], displayStyle: .struct) }
}

@available(Idempotency 0.1, *)
extension Sequence where Element == HeaderField {
    /// The values of the fields of a name, in their order.
    func values(of name: String) -> [String] {
        var values: [String] = []
        for field in self where field.has(name) { values.append(field.value) }
        return values
    }

    /// The value of the first field of a name.
    func firstValue(of name: String) -> String? {
        for field in self where field.has(name) { return field.value }
        return nil
    }
}
