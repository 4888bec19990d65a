/// The cyclic redundancy check of IEEE 802.3 (reflected polynomial `EDB88320`), as zlib and PNG compute it.
///
/// Eight bytes a step, with a table for each ("slicing-by-8": Kounavis and Berry, 2005): a record is checked at each write and each
/// read.
enum CRC32 {
    /// What a byte adds when so many others follow it in its step: 256 numbers for none, then 256 for one, and so on.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = []
        for index in 0..<256 as Range<UInt32> {
            let bits = 0..<8
            tables.append(bits.reduce(index) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 })
        }
        for index in 256..<2048 {
            let before = tables[index - 256]
            tables.append(tables[Int(before & 0xFF)] ^ (before >> 8))
        }
        return tables
    }()

    static func checksum(of bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { bytes in tables.withUnsafeBufferPointer { ~remainder(of: bytes, $0) } }
    }

    private static func remainder(of bytes: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt32>) -> UInt32 {
        func entry(_ word: UInt32, _ shift: UInt32, _ following: Int) -> UInt32 {
            tables[following << 8 | Int(word >> shift & 0xFF)]
        }
        var value: UInt32 = 0xFFFF_FFFF
        var offset = 0
        while offset + 8 <= bytes.count {
            let first = value ^ UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            let second = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            let early = entry(first, 0, 7) ^ entry(first, 8, 6) ^ entry(first, 16, 5) ^ entry(first, 24, 4)
            let late = entry(second, 0, 3) ^ entry(second, 8, 2) ^ entry(second, 16, 1) ^ entry(second, 24, 0)
            value = early ^ late
            offset += 8
        }
        for byte in bytes[offset...] { value = entry(value ^ UInt32(byte), 0, 0) ^ (value >> 8) }
        return value
    }
}
