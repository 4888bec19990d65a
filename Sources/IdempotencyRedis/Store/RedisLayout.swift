internal import Idempotency

/// Where things are on the server.
///
/// A record is under `prefix:{xx}:scope/value`, and its bucket's source of versions under `prefix:{xx}:version`, where `xx` is
/// the number of its bucket. The braces choose the hash slot in a cluster (cluster specification, "hash tags"): they come
/// before everything that a caller may have written, so that no other braces count. A scope's text has no slash.
@available(Idempotency 0.1, *)
struct RedisLayout: Sendable {
    private let start: [UInt8]
    /// On which changes are announced.
    let channel: String
    /// Matches what is the store's, and little else (documentation of `SCAN`).
    let pattern: String

    private static let digits = Array("0123456789abcdef".utf8)
    private static let colon = UInt8(ascii: ":")

    /// - Throws: ``/Idempotency/IdempotencyError`` if the prefix is none.
    init(prefix: String) throws(IdempotencyError) {
        let isPlain = prefix.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case Self.colon, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
            default: false
            }
        }
        guard isPlain, (1...64).contains(prefix.utf8.count) else {
            throw IdempotencyError(
                code: .invalidConfiguration,
                message: "A prefix of keys is 1 to 64 letters, digits, colons, dots, hyphens and underscores."
            )
        }
        start = Array("\(prefix):{".utf8)
        channel = "\(prefix):changes"
        pattern = "\(prefix):{??}:*/*"
    }

    /// How many bytes a key needs, at most.
    func size(of key: IdempotencyKey) -> Int { start.count + key.scope.text.utf8.count + 260 }

    /// Writes a record's key.
    func write(_ key: IdempotencyKey, to bytes: inout [UInt8]) {
        writeBucket(of: key, to: &bytes)
        bytes += key.scope.text.utf8
        bytes.append(UInt8(ascii: "/"))
        key.withValueBytes { bytes += $0 }
    }

    /// Writes the key of a record's source of versions.
    func writeVersions(of key: IdempotencyKey, to bytes: inout [UInt8]) {
        writeBucket(of: key, to: &bytes)
        bytes += "version".utf8
    }

    private func writeBucket(of key: IdempotencyKey, to bytes: inout [UInt8]) {
        // Of the digest's bits the upper ones are mixed best (FNV-1a).
        let bucket = Int(truncatingIfNeeded: key.digest >> 56)
        bytes += start
        bytes.append(Self.digits[bucket >> 4])
        bytes.append(Self.digits[bucket & 15])
        bytes.append(UInt8(ascii: "}"))
        bytes.append(Self.colon)
    }

    /// A record's key as text: what is announced when it changes.
    func text(_ key: IdempotencyKey) -> String {
        var bytes: [UInt8] = []
        write(key, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a record's key back; `nil`: it is none of the store's.
    func key(_ bytes: [UInt8]) -> IdempotencyKey? {
        guard bytes.starts(with: start), let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        // Two digits, a brace and a colon.
        let scopeStart = start.count + 4
        guard
            scopeStart < slash,
            let text = String(validating: bytes[scopeStart..<slash], as: UTF8.self),
            let value = String(validating: bytes[(slash + 1)...], as: UTF8.self),
            let scope = try? IdempotencyScope(text: text),
            let key = try? IdempotencyKey(scope: scope, value: value)
        else { return nil }
        var written: [UInt8] = []
        write(key, to: &written)
        return written == bytes ? key : nil
    }
}
