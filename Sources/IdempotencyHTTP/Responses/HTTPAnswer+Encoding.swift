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
        var writer = ByteWriter()
        writer.append(Self.formatVersion)
        writer.append(integer: UInt16(status))
        writer.append(integer: UInt16(fields.count))
        for field in fields {
            writer.append(text: field.name)
            writer.append(text: field.value)
        }
        writer.append(contentsOf: body)
        return writer.bytes
    }

    /// Reads what ``encoded()`` wrote.
    ///
    /// - Parameter bytes: What a record keeps.
    /// - Throws: `IdempotencyError` with `undecodableResult` if a newer release wrote it, or something else.
    public init(encoded bytes: [UInt8]) throws(IdempotencyError) {
        do {
            var reader = ByteReader(bytes[...])
            guard try reader.byte() == Self.formatVersion else {
                throw ByteReader.corrupt("the kept response has another format")
            }
            let status = Int(try reader.integer(UInt16.self))
            guard (100...999).contains(status) else { throw ByteReader.corrupt("the status is none") }
            let count = Int(try reader.integer(UInt16.self))
            var fields: [HeaderField] = []
            for _ in 0..<count { fields.append(HeaderField(try reader.text(), try reader.text())) }
            self.init(status: status, fields: fields, body: Array(reader.remainder))
        } catch {
            throw IdempotencyError(
                code: .undecodableResult,
                message:
                    "What is kept under the key is no HTTP response that this release can read. Nothing ran; look whether "
                    + "a newer release, or a handler outside of HTTP, uses the same scope.",
                cause: error
            )
        }
    }
}
