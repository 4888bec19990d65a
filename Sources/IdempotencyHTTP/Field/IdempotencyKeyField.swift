internal import Idempotency

/// The request header field `Idempotency-Key`: a structured field, an Item that is a String.
///
/// The field is that of the IETF draft "The Idempotency-Key HTTP Header Field"
/// (draft-ietf-httpapi-idempotency-key-header, section 2.1), structured fields are those of RFC 9651, which replaced RFC 8941.
@available(Idempotency 0.1, *)
public struct IdempotencyKeyField: Sendable {
    /// The field's name.
    public static let name = "Idempotency-Key"

    /// Why a field holds no key.
    public struct Malformed: Error, CustomStringConvertible {
        /// A sentence that says what is wrong; it holds nothing of the field's value.
        public let description: String
    }

    /// Whether a key without quotes will do: `k` is then the same key as `"k"`.
    public let acceptsBareKeys: Bool

    /// Makes a reader of the field.
    ///
    /// - Parameter acceptsBareKeys: Whether a key without quotes will do, of visible ASCII without `"`, `\`, `,` and `;`.
    public init(acceptsBareKeys: Bool = false) {
        self.acceptsBareKeys = acceptsBareKeys
    }

    /// The key that a request's field lines hold.
    ///
    /// - Parameter lines: The values of all field lines of that name, as they came.
    /// - Returns: The key, unquoted and unescaped; `nil` if there is no such field. It is not empty.
    /// - Throws: ``Malformed`` if there are several lines or values, if it is not a String, or if it is empty or over 255 bytes.
    public func key(in lines: [String]) throws(Malformed) -> String? {
        guard let line = lines.first else { return nil }
        guard lines.count == 1 else {
            throw Malformed(description: "The field stands in the request \(lines.count) times; send it once.")
        }
        let key: String
        do {
            key = try StructuredItem.string(line, acceptsBare: acceptsBareKeys)
        } catch {
            throw Malformed(
                description: "The field \(error.what); send one String in double quotes, such as a UUID."
            )
        }
        if key.isEmpty { throw Malformed(description: "The key is empty; send one to 255 characters.") }
        let count = key.utf8.count
        guard count <= 255 else {
            throw Malformed(description: "The key has \(count) characters; send one to 255.")
        }
        return key
    }

    /// A key as the field's value, for a client: in quotes, with what is special escaped.
    ///
    /// - Parameter key: 1 to 255 characters of printable ASCII.
    /// - Returns: The field's value, or `nil` if the key holds something else.
    public static func value(of key: String) -> String? {
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            return nil
        }
        var value = "\""
        for scalar in key.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { value.unicodeScalars.append("\\") }
            value.unicodeScalars.append(scalar)
        }
        return value + "\""
    }
}
