/// The rules that every text in a key follows: not empty, at most 255 bytes of UTF-8, no control characters.
@available(Idempotency 0.1, *)
enum KeyText {
    /// The longest text, in bytes of UTF-8. Fits the header of the IETF draft's users and every store's index.
    static let maximumBytes = 255

    /// - Parameter what: What the text is, to begin a sentence; made for an error alone.
    static func validate(
        _ text: String,
        _ what: @autoclosure () -> String,
        _ code: IdempotencyError.Code = .invalidKey
    ) throws(IdempotencyError) {
        if text.isEmpty {
            throw IdempotencyError(code, "\(what()) is empty; give it at least one character.")
        }
        try validateLength(text, what(), code)
        if hasControlCharacter(text) {
            throw IdempotencyError(code, "\(what()) holds a control character; remove it.")
        }
    }

    /// All that there is to look at in a text that was joined of valid ones.
    static func validateLength(
        _ text: String,
        _ what: @autoclosure () -> String,
        _ code: IdempotencyError.Code = .invalidKey
    ) throws(IdempotencyError) {
        let count = text.utf8.count
        if count > maximumBytes {
            throw IdempotencyError(
                code,
                "\(what()) has \(count) bytes of UTF-8, more than \(maximumBytes); shorten it, or use a hash of it."
            )
        }
    }

    private static func hasControlCharacter(_ text: String) -> Bool {
        // Unicode's tables are asked for what is not ASCII alone: they cost more than all the rest of a key.
        var allBits: UInt8 = 0
        var controls = 0
        var bytes = text
        bytes.withUTF8 { bytes in
            // Without a branch, so that many bytes are looked at with one instruction.
            for byte in bytes {
                allBits |= byte
                controls &+= (byte < 0x20 ? 1 : 0) &+ (byte == 0x7F ? 1 : 0)
            }
        }
        if controls > 0 || allBits < 0x80 { return controls > 0 }
        return text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    static func validated(_ value: String) throws(IdempotencyError) -> String {
        try validate(value, "The key's value")
        return value
    }

    /// Percent-encodes `%` and the given separators, so that parts joined by them come apart again in one way only.
    ///
    /// - Parameter separators: Characters that come before `@` in ASCII.
    static func escape(_ part: String, _ separators: StaticString) -> String {
        var part = part
        let escaped: String? = part.withUTF8 { bytes in
            separators.withUTF8Buffer { separators in
                // A bit for each, to look at one byte once.
                var special: UInt64 = 1 << UInt64(UInt8(ascii: "%"))
                for separator in separators {
                    precondition(separator < 64, "a separator needs a bit")
                    special |= 1 << UInt64(separator)
                }
                func isSpecial(_ byte: UInt8) -> Bool { byte < 64 && special >> UInt64(byte) & 1 == 1 }
                var count = 0
                for byte in bytes where isSpecial(byte) { count += 1 }
                if count == 0 { return nil }
                return String(unsafeUninitializedCapacity: bytes.count + 2 * count) { escaped in
                    var end = 0
                    func append(_ byte: UInt8) {
                        escaped.initializeElement(at: end, to: byte)
                        end += 1
                    }
                    for byte in bytes {
                        if isSpecial(byte) {
                            append(UInt8(ascii: "%"))
                            append(Hex.digit(byte >> 4))
                            append(Hex.digit(byte & 15))
                        } else {
                            append(byte)
                        }
                    }
                    return end
                }
            }
        }
        return escaped ?? part
    }

    /// Reads what ``escape(_:_:)`` wrote. What it would not have written stays as it is.
    static func unescape(_ part: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = part
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let decoded = UInt8(Substring(rest.prefix(2)), radix: 16) {
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
