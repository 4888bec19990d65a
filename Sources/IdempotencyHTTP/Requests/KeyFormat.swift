/// What keys a service accepts, beyond what the field itself demands.
///
/// The draft leaves the format to the service, which has to publish it (section 2.2 recommends UUIDs).
@available(Idempotency 0.1, *)
public struct KeyFormat: Sendable {
    /// What a key must be, to follow "The key must be", for a client's developer to read.
    public let description: String
    let accepts: @Sendable (String) -> Bool

    /// Makes a format.
    ///
    /// - Parameters:
    ///   - description: What a key must be, to follow "The key must be".
    ///   - accepts: Whether a key, 1 to 255 characters of printable ASCII, has the format.
    public init(_ description: String, accepts: @escaping @Sendable (String) -> Bool) {
        self.description = description
        self.accepts = accepts
    }

    /// Anything that the field can hold.
    public static let any = KeyFormat("one to 255 characters of printable ASCII") { _ in true }

    /// A UUID in its textual form (RFC 9562, section 4), in lower or upper case.
    ///
    /// The two cases of one UUID are two keys, as keys are compared byte by byte.
    public static let uuid = KeyFormat("a UUID such as 8e03978e-40d5-43e8-bc93-6894a57f9324") { key in
        let key = Array(key.utf8)
        return key.count == 36
            && key.indices.allSatisfy { index in
                switch index {
                case 8, 13, 18, 23: key[index] == UInt8(ascii: "-")
                default: (0x30...0x39).contains(key[index]) || (0x61...0x66).contains(key[index] | 0x20)
                }
            }
    }
}
