import Testing

@testable import Idempotency

@Suite("The digest of a key")
struct KeyDigestTests {
    @Test(
        "FNV-1a is computed as its authors publish it",
        arguments: [("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8)]
            as [(String, UInt64)]
    )
    func vectors(_ text: String, _ expected: UInt64) {
        var hash = FNV1a()
        Array(text.utf8).withUnsafeBufferPointer { hash.combine($0) }
        #expect(hash.value == expected)
    }

    @Test("It is the same in every process, and depends on every part of the key")
    func parts() throws {
        let key = try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "acme"), value: "k-1")
        #expect(key.digest == RecordGolden.digest)
        let others = try [
            IdempotencyKey(scope: IdempotencyScope("charge", tenant: "acme"), value: "k-2"),
            IdempotencyKey(scope: IdempotencyScope("charge", principal: "acme"), value: "k-1"),
            IdempotencyKey(operation: "charge", value: "k-1"), IdempotencyKey(operation: "charg", value: "ek-1"),
        ]
        #expect(Set(([key] + others).map(\.digest)).count == 5)
        #expect(Set(([key] + others).map(\.reference)).count == 5)
    }

    @Test("The reference that logs show is a SHA-256 of scope and value, and stays what it is")
    func reference() throws {
        let key = try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "acme"), value: "k-1")
        #expect(key.reference == "437cb1b8ae289543")
    }
}
