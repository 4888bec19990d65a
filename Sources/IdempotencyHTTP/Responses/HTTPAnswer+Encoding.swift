public import Idempotency

/// A kept response is a byte 1, the status in two bytes, the number of fields in two, of each field name and value with their
/// lengths in two bytes each, and what is left is the body. All numbers are big-endian.
@available(Idempotency 0.1, *)
extension HTTPAnswer {
    private static let formatVersion: UInt8 = 1

    /// The response as a record keeps it: for whoever settles a key by hand, as the result of a finding that it is done.
    ///
    /// - Returns: The bytes, or `nil` if the status is not within 100 to 999, if there are over 65,535 fields, or if a field's
    ///   name or value has more than 65,535 bytes.
    public func encoded() -> [UInt8]? {
        guard (100...999).contains(status), fields.count <= Int(UInt16.max),
            fields.allSatisfy({ $0.name.utf8.count <= Int(UInt16.max) && $0.value.utf8.count <= Int(UInt16.max) })
        else { return nil }
        let head = fields.reduce(5) { $0 + 4 + $1.name.utf8.count + $1.value.utf8.count }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head + body.count)
        func append(_ number: Int) {
            bytes.append(UInt8(truncatingIfNeeded: number >> 8))
            bytes.append(UInt8(truncatingIfNeeded: number))
        }
        bytes.append(Self.formatVersion)
        append(status)
        append(fields.count)
        for field in fields {
            for text in [field.name, field.value] {
                append(text.utf8.count)
                bytes.append(contentsOf: text.utf8)
            }
        }
        bytes.append(contentsOf: body)
        return bytes
    }

    /// Reads what ``encoded()`` wrote.
    ///
    /// - Parameter bytes: What a record keeps.
    /// - Throws: `IdempotencyError` with `undecodableResult` if a newer release wrote it, or something else.
    public init(encoded bytes: [UInt8]) throws(IdempotencyError) {
        guard let answer = Self.read(bytes) else {
            throw IdempotencyError(
                code: .undecodableResult,
                message:
                    "What is kept under the key is no HTTP response that this release can read. Nothing ran; look whether "
                    + "a newer release, or a handler outside of HTTP, uses the same scope."
            )
        }
        self = answer
    }

    /// Reads what a record keeps of a response.
    ///
    /// - Throws: `IdempotencyError` with `resultNotKept` if nothing was kept of it, or with `undecodableResult` if it is none.
    init(_ kept: StoredValue) throws(IdempotencyError) {
        switch kept {
        case .bytes(let bytes):
            try self.init(encoded: bytes)
        case .omitted, .void:
            // Nothing at all is what a person keeps who has found out that it is done, and not with what response.
            throw IdempotencyError(
                code: .resultNotKept,
                message:
                    "The request was carried out, and its response is not kept: a stream, too long, or settled without one."
            )
        case .encoded:
            throw IdempotencyError(
                code: .undecodableResult,
                message:
                    "What is kept under the key is no HTTP response. Nothing ran; give handlers outside of HTTP another scope."
            )
        }
    }

    private static func read(_ bytes: [UInt8]) -> HTTPAnswer? {
        bytes.withUnsafeBufferPointer { bytes in
            var rest = bytes[...]
            func number() -> Int? {
                guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
                return Int(high) << 8 | Int(low)
            }
            func text() -> String? {
                guard let count = number(), rest.count >= count else { return nil }
                defer { rest = rest.dropFirst(count) }
                let text = UnsafeBufferPointer(rebasing: rest.prefix(count))
                // Nearly all are ASCII, which needs no look at what is valid.
                if text.allSatisfy({ $0 < 0x80 }) { return String(decoding: text, as: UTF8.self) }
                return String(validating: text, as: UTF8.self)
            }
            guard rest.popFirst() == formatVersion, let status = number(), (100...999).contains(status),
                let count = number()
            else { return nil }
            var fields: [HeaderField] = []
            for _ in 0..<count {
                guard let name = text(), let value = text() else { return nil }
                fields.append(HeaderField(name, value))
            }
            return HTTPAnswer(status: status, fields: fields, body: Array(rest))
        }
    }
}
