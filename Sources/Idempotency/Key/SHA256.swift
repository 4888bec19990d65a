/// SHA-256 as FIPS 180-4 defines it (sections 4.1.2, 5.3.3 and 6.2).
///
/// The core has no package dependency, and the toolchain ships no hash function that is the same in every process.
package struct SHA256 {
    private var words = SIMD8<UInt32>(
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19
    )
    /// The block that is not full yet.
    private var pending = SIMD64<UInt8>()
    private var byteCount: UInt64 = 0

    package init() {}

    /// Takes in more of the message.
    package mutating func update(_ bytes: some Collection<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { update($0) }
        }
    }

    /// Takes in a byte.
    package mutating func update(_ byte: UInt8) {
        withUnsafeBytes(of: byte) { update($0) }
    }

    /// Takes in a message of which the length is part, so that what follows cannot be shifted into it.
    package mutating func updateWithLengthPrefix(_ bytes: [UInt8]) {
        withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { update($0) }
        update(bytes)
    }

    /// Takes in a text's UTF-8, of which the length is part.
    package mutating func updateWithLengthPrefix(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { update($0) }
            update(UnsafeRawBufferPointer(bytes))
        }
    }

    private mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let held = Int(byteCount % 64)
        byteCount &+= UInt64(bytes.count)
        var start = 0
        if held > 0 {
            start = min(64 - held, bytes.count)
            hold(bytes[..<start], at: held)
            guard held + start == 64 else { return }
            compressPending()
        }
        while bytes.count - start >= 64 {
            Self.compress(&words, UnsafeRawBufferPointer(rebasing: bytes[start..<start + 64]))
            start += 64
        }
        hold(bytes[start...], at: 0)
    }

    private mutating func hold(_ bytes: Slice<UnsafeRawBufferPointer>, at offset: Int) {
        withUnsafeMutableBytes(of: &pending) { pending in
            UnsafeMutableRawBufferPointer(rebasing: pending[offset...]).copyBytes(from: bytes)
        }
    }

    private mutating func compressPending() {
        withUnsafeBytes(of: pending) { Self.compress(&words, $0) }
    }

    /// The digest as eight words. The value is spent afterwards.
    package mutating func finalizeWords() -> SIMD8<UInt32> {
        let bits = byteCount &* 8
        let held = Int(byteCount % 64)
        withUnsafeMutableBytes(of: &pending) { pending in
            pending[held] = 0x80
            for index in held + 1..<64 { pending[index] = 0 }
        }
        if held >= 56 {
            compressPending()
            pending = SIMD64()
        }
        withUnsafeMutableBytes(of: &pending) { $0.storeBytes(of: bits.bigEndian, toByteOffset: 56, as: UInt64.self) }
        compressPending()
        return words
    }

    /// The digest; 32 bytes. The value is spent afterwards.
    package mutating func finalize() -> [UInt8] {
        let words = finalizeWords()
        return words.indices.flatMap { index in
            withUnsafeBytes(of: words[index].bigEndian) { Array($0) }
        }
    }

    private static func compress(
        _ words: inout SIMD8<UInt32>,
        _ block: UnsafeRawBufferPointer
    ) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
            for index in 0..<16 {
                schedule[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
            }
            for index in 16..<64 {
                let older = schedule[index - 15]
                let newer = schedule[index - 2]
                let small0 = rotate(older, 7) ^ rotate(older, 18) ^ (older >> 3)
                let small1 = rotate(newer, 17) ^ rotate(newer, 19) ^ (newer >> 10)
                schedule[index] = schedule[index - 16] &+ small0 &+ schedule[index - 7] &+ small1
            }
            var (a, b, c, d) = (words[0], words[1], words[2], words[3])
            var (e, f, g, h) = (words[4], words[5], words[6], words[7])
            constants.withUnsafeBufferPointer { constants in
                for index in stride(from: 0, to: 64, by: 8) {
                    // Eight at a time: then each word is where it began, and none is moved.
                    func input(_ offset: Int) -> UInt32 { constants[index + offset] &+ schedule[index + offset] }
                    round(a, b, c, &d, e, f, g, &h, input(0))
                    round(h, a, b, &c, d, e, f, &g, input(1))
                    round(g, h, a, &b, c, d, e, &f, input(2))
                    round(f, g, h, &a, b, c, d, &e, input(3))
                    round(e, f, g, &h, a, b, c, &d, input(4))
                    round(d, e, f, &g, h, a, b, &c, input(5))
                    round(c, d, e, &f, g, h, a, &b, input(6))
                    round(b, c, d, &e, f, g, h, &a, input(7))
                }
            }
            words &+= SIMD8(a, b, c, d, e, f, g, h)
        }
    }

    /// One of the 64 rounds, without the shift of the eight words to their next names.
    @inline(__always)
    private static func round(
        _ a: UInt32,
        _ b: UInt32,
        _ c: UInt32,
        _ d: inout UInt32,
        _ e: UInt32,
        _ f: UInt32,
        _ g: UInt32,
        _ h: inout UInt32,
        _ input: UInt32
    ) {
        let first = h &+ (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) &+ (g ^ (e & (f ^ g))) &+ input
        let second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ ((a & b) | (c & (a | b)))
        d &+= first
        h = first &+ second
    }

    @inline(__always)
    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        (word >> count) | (word << (32 - count))
    }

    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
