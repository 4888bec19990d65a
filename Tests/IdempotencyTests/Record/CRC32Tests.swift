import Testing

@testable import Idempotency

@Suite("CRC-32")
struct CRC32Tests {
    @Test(
        "The checksums of the catalogue (IEEE 802.3, as zlib computes it)",
        arguments: [
            ("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926),
            ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
        ] as [(String, UInt32)]
    )
    func published(_ text: String, _ checksum: UInt32) {
        #expect(CRC32.checksum(of: Array(text.utf8)[...]) == checksum)
    }

    @Test("Eight bytes at a time and one by one give the same, for each length and each beginning")
    func lengths() {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) }
        for start in 0..<9 {
            for end in start...bytes.count {
                // As the standard says it: a bit at a time.
                let expected = bytes[start..<end].reduce(UInt32.max) { value, byte in
                    (0..<8).reduce(value ^ UInt32(byte)) { value, _ in
                        value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
                    }
                }
                #expect(CRC32.checksum(of: bytes[start..<end]) == ~expected)
            }
        }
    }
}
