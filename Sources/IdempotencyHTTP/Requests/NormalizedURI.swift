/// Paths in the one form that all equivalent ones have (RFC 3986, section 6.2.2): clients and proxies change the case of
/// escapes, escape what needs none, and leave dots in.
@available(Idempotency 0.1, *)
enum NormalizedURI {
    /// Without dot segments (section 6.2.2.3) and without empty segments, of which routers take no notice.
    static func path(_ path: String) -> String {
        var segments: [String] = []
        for segment in path.utf8.split(separator: UInt8(ascii: "/")) {
            switch text(segment) {
            case ".": break
            case "..": _ = segments.popLast()
            case let segment: segments.append(segment)
            }
        }
        return "/" + segments.joined(separator: "/")
    }

    /// With escapes in capitals (section 6.2.2.1), and what needs no escape as it is (section 6.2.2.2).
    private static func text(_ bytes: Substring.UTF8View) -> String {
        var text: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            guard byte == UInt8(ascii: "%"), let decoded = number(digits) else {
                text.append(byte)
                continue
            }
            rest = rest.dropFirst(2)
            if isUnreserved(decoded) {
                text.append(decoded)
            } else {
                text.append(byte)
                text += digits.map { (0x61...0x66).contains($0) ? $0 - 0x20 : $0 }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `UInt8.init` would take a sign.
    private static func number(_ digits: Substring.UTF8View) -> UInt8? {
        guard digits.count == 2, digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else {
            return nil
        }
        return UInt8(Substring(digits), radix: 16)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || "-._~".utf8.contains(byte)
    }
}
