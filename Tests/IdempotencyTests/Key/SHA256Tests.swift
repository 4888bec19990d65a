import Testing

@testable import Idempotency

@Suite("SHA-256")
struct SHA256Tests {
    private func digest(_ chunks: [ArraySlice<UInt8>]) -> [UInt8] {
        var hash = SHA256()
        for chunk in chunks { hash.update(chunk) }
        return hash.finalize()
    }

    @Test(
        "The examples of FIPS 180 have their published digests",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
                    + "nopqrstu",
                "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
            ),
        ]
    )
    func published(_ message: String, _ expected: String) {
        #expect(Hex.text(digest([Array(message.utf8)[...]])) == expected)
        #expect(Hex.text(Fingerprint(bytes: message.utf8).digest) == expected)
    }

    @Test("A million times the letter a, in chunks that fit no block")
    func million() {
        var hash = SHA256()
        let chunk = [UInt8](repeating: UInt8(ascii: "a"), count: 999)
        for _ in 0..<1001 { hash.update(chunk) }
        hash.update([UInt8(ascii: "a")])
        #expect(Hex.text(hash.finalize()) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    private static let message = (0..<200).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }

    /// The digest of the digests of all prefixes, computed by Python's hashlib.
    @Test("Every length from 0 to 200 bytes agrees with another implementation")
    func lengths() {
        let digests = (0...200).flatMap { digest([Self.message.prefix($0)]) }
        #expect(
            Hex.text(digest([digests[...]])) == "3275febb4612d86d586eb9f11cd21e648a9fc7d95e0f6b8d362786e28c9c5b79"
        )
    }

    @Test("A message split at any place has the digest of the whole")
    func splits() {
        var wrong: [(Int, Int)] = []
        for length in 0...200 {
            let whole = Self.message.prefix(length)
            let expected = digest([whole])
            for split in 0...length where digest([whole.prefix(split), whole.dropFirst(split)]) != expected {
                wrong.append((length, split))
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test("Bytes that are not in one piece in memory have the same digest")
    func scattered() {
        let bytes = Self.message
        let scattered = bytes.lazy.map { $0 ^ 0 }
        #expect(scattered.withContiguousStorageIfAvailable { _ in } == nil)
        var hash = SHA256()
        hash.update(scattered)
        #expect(hash.finalize() == digest([bytes[...]]))
    }

    @Test("A length in front keeps what follows from being shifted")
    func lengthPrefix() {
        func prefixed(_ parts: [[UInt8]]) -> [UInt8] {
            var hash = SHA256()
            for part in parts { hash.updateWithLengthPrefix(part) }
            return hash.finalize()
        }
        #expect(prefixed([[1, 2], [3]]) != prefixed([[1], [2, 3]]))
        #expect(prefixed([[1], []]) != prefixed([[], [1]]))
        #expect(prefixed([[7]]) == digest([[0, 0, 0, 0, 0, 0, 0, 1, 7]]))
    }
}
