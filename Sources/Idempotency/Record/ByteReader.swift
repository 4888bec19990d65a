/// Takes the parts of an encoded record one after the other, and never one that is not wholly there.
@available(Idempotency 0.1, *)
struct ByteReader {
    private let all: [UInt8]
    private var position: Int
    private let end: Int

    /// Reads the bytes of a range.
    init(_ all: [UInt8], _ range: Range<Int>) {
        self.all = all
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position == end }

    static func corrupt(_ what: String) -> IdempotencyError {
        IdempotencyError(
            .corruptRecord,
            "A stored record cannot be read: \(what). Nothing was run or changed; look at what else writes to the store, "
                + "find out what became of the key, and delete the record in the store itself."
        )
    }

    mutating func bytes(_ count: Int) throws(IdempotencyError) -> ArraySlice<UInt8> {
        let start = try advance(count)
        return all[start..<position]
    }

    mutating func byte() throws(IdempotencyError) -> UInt8 {
        all[try advance(1)]
    }

    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
        _: Integer.Type = Integer.self
    ) throws(IdempotencyError) -> Integer {
        let start = try advance(Integer.bitWidth / 8)
        return all.withUnsafeBytes { Integer(bigEndian: $0.loadUnaligned(fromByteOffset: start, as: Integer.self)) }
    }

    /// Goes on by so many bytes.
    ///
    /// - Returns: Where the first of them is.
    private mutating func advance(_ count: Int) throws(IdempotencyError) -> Int {
        guard end - position >= count else { throw Self.corrupt("it is cut off") }
        defer { position += count }
        return position
    }

    mutating func text() throws(IdempotencyError) -> String {
        let count = Int(try integer(UInt16.self))
        guard let text = String(validating: try bytes(count), as: UTF8.self) else {
            throw Self.corrupt("a name in it is not UTF-8")
        }
        return text
    }

    mutating func value() throws(IdempotencyError) -> StoredValue {
        switch try byte() {
        case 0:
            return .void
        case 1:
            let count = Int(clamping: try integer(UInt32.self))
            return .bytes(Array(try bytes(count)))
        case 2:
            let count = Int(clamping: try integer(UInt32.self))
            return .encoded(Array(try bytes(count)))
        case 3:
            guard let omission = StoredValue.Omission(rawValue: try byte()) else {
                throw Self.corrupt("the reason why a value is not kept is unknown")
            }
            return .omitted(omission)
        default:
            throw Self.corrupt("the kind of a value is unknown")
        }
    }
}
