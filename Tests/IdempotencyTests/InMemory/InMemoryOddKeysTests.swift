import Testing

@testable import Idempotency
@testable import IdempotencyInMemory

@Suite("Odd keys come back unchanged and hit only themselves")
struct InMemoryOddKeysTests {
    static let values = [
        "'", "\"", "'; DROP TABLE records; --", "\\", "\\'", "`", "%", "%%", "%s%n", "%00", "%0d%0a", "$1", "?", ":a",
        "@",
        "a b", "a", "a ", " a", "A", "\u{20}", "\u{A0}", "\\r\\n", "\\u0000", "\\0",
        "🎉", "👨‍👩‍👧", "🇩🇪", "é", "e\u{301}", "\u{301}", "ﬁ", "fi", "İ", "i\u{307}", "\u{200D}", "\u{202E}abc", "\u{FEFF}a",
        "\u{FFFD}", "\u{10FFFF}", "/", "//", ".", "..", "../..", "a/b", "a\\b", "C:\\", "~", "-", "--", "*", "#", "{a}",
        "{a}b",
        "[a]", "null", "NULL", "0", "00", "NaN", "true", "<a>", "&amp;", "a;b", "a=b", "a,b", "a|b", "日本語", "עברית",
        String(repeating: "x", count: 255), String(repeating: "x", count: 254), String(repeating: "é", count: 127),
        String(repeating: "🎉", count: 63) + "abc", String(repeating: "%", count: 255),
    ]

    @Test("As values, operations and tenants, each holds its own record")
    func themselves() async throws {
        let store = InMemoryIdempotencyStore(clock: SteppingClock())
        var keys = try Self.values.map { try IdempotencyKey(operation: "charge", value: $0) }
        for value in Self.values where value.utf8.count < 80 {
            keys.append(try IdempotencyKey(operation: value + "!", value: "v"))
            keys.append(try IdempotencyKey(scope: IdempotencyScope("charge", tenant: value), value: "v"))
        }
        for (index, key) in keys.enumerated() {
            let record = IdempotencyRecord.finished([UInt8(index >> 8), UInt8(index & 255)])
            #expect(try await store.write(record, to: key) != nil, "\(index) is taken by another key")
        }
        #expect(store.count == keys.count)
        for (index, key) in keys.enumerated() {
            #expect(try await store.load(key)?.record == .finished([UInt8(index >> 8), UInt8(index & 255)]))
        }
    }

    @Test("A value comes back byte for byte", arguments: values)
    func unchanged(_ value: String) throws {
        let key = try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "t"), value: value)
        #expect(key.value.utf8.elementsEqual(value.utf8))
    }

    @Test(
        "CR LF and what is next to it are refused before anything is stored",
        arguments: [
            "\r\n", "a\r\nb", "\r", "\n", "a\u{85}b", "\u{B}", "\u{C}", "\u{0}", "a\u{0}", "\u{1}", "\u{7F}", "\u{9F}",
        ]
    )
    func refused(_ value: String) {
        #expect(throws: IdempotencyError.self) { try IdempotencyKey(operation: "charge", value: value) }
        #expect(throws: IdempotencyError.self) { try IdempotencyScope("charge", principal: value) }
    }
}
