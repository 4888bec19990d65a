/// Puts the parts of an encoded record one after the other.
@available(Idempotency 0.1, *)
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    /// - Parameter capacity: How many bytes there will be, about.
    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    mutating func append(_ byte: UInt8) {
        bytes.append(byte)
    }

    mutating func append(contentsOf more: [UInt8]) {
        bytes.append(contentsOf: more)
    }

    mutating func append(integer: some FixedWidthInteger) {
        withUnsafeBytes(of: integer.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(text: String) {
        append(integer: UInt16(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func append(value: StoredValue) {
        switch value {
        case .void:
            append(0)
        case .bytes(let content), .encoded(let content):
            if case .bytes = value { append(1) } else { append(2) }
            append(integer: UInt32(content.count))
            append(contentsOf: content)
        case .omitted(let omission):
            append(3)
            append(omission.rawValue)
        }
    }
}
