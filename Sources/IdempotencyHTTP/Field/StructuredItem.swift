/// Reads a structured field's Item (RFC 9651, section 4.2.3), of which the String or the bare key counts and the parameters
/// do not: they are read to see that they are well formed, and dropped.
@available(Idempotency 0.1, *)
struct StructuredItem {
    /// Why a field is none.
    struct Malformed: Error {
        /// What is wrong, to follow "The field"; holds nothing of the field's value.
        let what: String
    }

    private var rest: Substring.UTF8View

    private init(_ field: String) {
        rest = Substring(field).utf8
    }

    /// The content of an Item that is a String.
    ///
    /// - Parameters:
    ///   - field: The field's value, one line of it.
    ///   - acceptsBare: Whether a key without quotes will do, of visible ASCII but `"`, `\`, `,` and `;`.
    static func string(_ field: String, acceptsBare: Bool) throws(Malformed) -> String {
        if let content = plainString(field) { return content }
        var item = StructuredItem(field)
        item.skipSpaces()
        let content: String
        switch item.rest.first {
        case nil: throw Malformed(what: "is empty")
        case UInt8(ascii: "\""): content = try item.string()
        case _ where acceptsBare: content = try item.bareKey()
        default: throw Malformed(what: "is not a String in double quotes")
        }
        try item.skipParameters()
        item.skipSpaces()
        guard item.rest.isEmpty else {
            let isList = item.rest.first == UInt8(ascii: ",")
            throw Malformed(what: isList ? "holds more than one value" : "goes on after its value")
        }
        return content
    }

    /// What nearly every field is: quotes, and between them nothing that is escaped. Anything else is looked at part by part.
    private static func plainString(_ field: String) -> String? {
        var field = field
        return field.withUTF8 { bytes in
            let quote = UInt8(ascii: "\"")
            guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return nil }
            let content = UnsafeBufferPointer(rebasing: bytes[1..<bytes.count - 1])
            for byte in content where byte < 0x20 || byte > 0x7E || byte == quote || byte == UInt8(ascii: "\\") {
                return nil
            }
            return String(decoding: content, as: UTF8.self)
        }
    }

    // MARK: The parts, as section 4.2 of the RFC has them

    /// Spaces alone: tabs do not count.
    private mutating func skipSpaces() {
        rest = rest.drop { $0 == UInt8(ascii: " ") }
    }

    /// Section 4.2.5.
    private mutating func string() throws(Malformed) -> String {
        rest.removeFirst()
        // Between the quotes as it stands, unless something is escaped.
        let plain = rest.prefix { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        var content = String(Substring(plain))
        rest = rest[plain.endIndex...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                return content
            case UInt8(ascii: "\\"):
                guard let next = rest.popFirst() else { throw Malformed(what: "ends within an escape") }
                guard next == UInt8(ascii: "\"") || next == UInt8(ascii: "\\") else {
                    throw Malformed(what: "escapes something else than a double quote or a backslash")
                }
                content.unicodeScalars.append(UnicodeScalar(next))
            case 0x20...0x7E:
                content.unicodeScalars.append(UnicodeScalar(byte))
            default:
                throw Malformed(what: "holds a character that is not printable ASCII")
            }
        }
        throw Malformed(what: "does not end with a double quote")
    }

    private mutating func bareKey() throws(Malformed) -> String {
        let key = rest.prefix { byte in
            (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                && byte != UInt8(ascii: ",") && byte != UInt8(ascii: ";")
        }
        guard !key.isEmpty else { throw Malformed(what: "is neither a String in double quotes nor a key without them") }
        rest = rest[key.endIndex...]
        return String(Substring(key))
    }

    /// Section 4.2.3.2.
    private mutating func skipParameters() throws(Malformed) {
        while rest.first == UInt8(ascii: ";") {
            rest.removeFirst()
            skipSpaces()
            guard let first = rest.first, Self.isLowercase(first) || first == UInt8(ascii: "*") else {
                throw Malformed(what: "has a parameter without a name")
            }
            rest = rest.drop { byte in
                Self.isLowercase(byte) || Self.isDigit(byte) || "_-.*".utf8.contains(byte)
            }
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest.removeFirst()
            try skipBareItem()
        }
    }

    /// Section 4.2.3.1.
    private mutating func skipBareItem() throws(Malformed) {
        switch rest.first {
        case UInt8(ascii: "\""):
            _ = try string()
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            try skipNumber(isInteger: false)
        case UInt8(ascii: "@"):
            rest.removeFirst()
            try skipNumber(isInteger: true)
        case UInt8(ascii: ":"):
            try skipByteSequence()
        case UInt8(ascii: "?"):
            rest.removeFirst()
            guard let value = rest.popFirst(), value == UInt8(ascii: "0") || value == UInt8(ascii: "1") else {
                throw Malformed.parameter
            }
        case UInt8(ascii: "%"):
            try skipDisplayString()
        case let first? where Self.isLetter(first) || first == UInt8(ascii: "*"):
            rest = rest.drop { Self.isTokenCharacter($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }
        default:
            throw Malformed.parameter
        }
    }

    /// Section 4.2.4: up to 15 digits, or up to 12, a point and 1 to 3 more.
    private mutating func skipNumber(isInteger: Bool) throws(Malformed) {
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        let whole = rest.prefix(while: Self.isDigit)
        guard (1...15).contains(whole.count) else { throw Malformed.parameter }
        rest = rest[whole.endIndex...]
        guard rest.first == UInt8(ascii: ".") else { return }
        rest.removeFirst()
        let part = rest.prefix(while: Self.isDigit)
        guard !isInteger, whole.count <= 12, (1...3).contains(part.count) else { throw Malformed.parameter }
        rest = rest[part.endIndex...]
    }

    /// Section 4.2.7: base64 between colons.
    private mutating func skipByteSequence() throws(Malformed) {
        rest.removeFirst()
        rest = rest.drop { byte in
            Self.isLetter(byte) || Self.isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
                || byte == UInt8(ascii: "=")
        }
        guard rest.popFirst() == UInt8(ascii: ":") else { throw Malformed.parameter }
    }

    /// Section 4.2.10: percent-encoded UTF-8 in quotes.
    private mutating func skipDisplayString() throws(Malformed) {
        rest.removeFirst()
        guard rest.popFirst() == UInt8(ascii: "\"") else { throw Malformed.parameter }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: bytes, as: UTF8.self) != nil else { throw Malformed.parameter }
                return
            case UInt8(ascii: "%"):
                let digits = rest.prefix(2)
                guard digits.count == 2, digits.allSatisfy({ Self.isDigit($0) || (0x61...0x66).contains($0) }),
                    let decoded = UInt8(Substring(digits), radix: 16)
                else { throw Malformed.parameter }
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            case 0x20...0x7E:
                bytes.append(byte)
            default:
                throw Malformed.parameter
            }
        }
        throw Malformed.parameter
    }

    private static func isLowercase(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool { isLowercase(byte | 0x20) }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// `tchar` of RFC 9110, section 5.6.2.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}

@available(Idempotency 0.1, *)
extension StructuredItem.Malformed {
    fileprivate static let parameter = Self(what: "has a parameter whose value is malformed")
}
