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
        #expect(CRC32.checksum(of: text.utf8) == checksum)
    }
}
