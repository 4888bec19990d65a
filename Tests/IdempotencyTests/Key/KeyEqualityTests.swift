import Idempotency
import Testing

@Suite("When two keys are one")
struct KeyEqualityTests {
    static let texts = [
        "key", "Key", "KEY", "key ", " key", "ke\u{200D}y", "kéy", "ke\u{301}y", "\u{212B}", "\u{C5}", "A\u{30A}", "ß",
        "ss",
        "ﬁ", "fi", "1", "１", "01", "🎉", "👨‍👩‍👧", "👩‍👨‍👧", "%2F", "%2f", "/", "a:b", "a%3ab",
    ]

    @Test("Values are equal only byte for byte: no case, no trimming, no Unicode normalization")
    func values() throws {
        let scope = try IdempotencyScope("charge")
        for (row, left) in Self.texts.enumerated() {
            for (column, right) in Self.texts.enumerated() {
                let (one, other) = (
                    try IdempotencyKey(scope: scope, value: left), try IdempotencyKey(scope: scope, value: right)
                )
                #expect((one == other) == (row == column), "\(left.debugDescription), \(right.debugDescription)")
            }
        }
    }

    @Test("Scopes are equal only byte for byte")
    func scopes() throws {
        for (row, left) in Self.texts.enumerated() {
            for (column, right) in Self.texts.enumerated() {
                let isSame = row == column
                #expect((try IdempotencyScope(left) == IdempotencyScope(right)) == isSame)
                let tenants = (
                    try IdempotencyScope("charge", tenant: left), try IdempotencyScope("charge", tenant: right)
                )
                #expect((tenants.0 == tenants.1) == isSame)
            }
        }
    }

    @Test("Composed and decomposed é are two entries of a dictionary")
    func dictionary() throws {
        var table: [IdempotencyKey: Int] = [:]
        for (index, text) in Self.texts.enumerated() {
            table[try IdempotencyKey(operation: "charge", value: text)] = index
        }
        #expect(table.count == Self.texts.count)
        for (index, text) in Self.texts.enumerated() {
            #expect(table[try IdempotencyKey(operation: "charge", value: text)] == index)
        }
    }

    @Test("Equal keys and scopes made apart have equal hashes", arguments: texts)
    func hashes(_ text: String) throws {
        // The second is built from bytes, so that it shares no storage with the first.
        let copy = String(decoding: Array(text.utf8), as: UTF8.self)
        let left = try IdempotencyKey(scope: IdempotencyScope(text, tenant: text), value: text)
        let right = try IdempotencyKey(scope: IdempotencyScope(copy, tenant: copy), value: copy)
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left.storedHash == right.storedHash)
        #expect(left.scope == right.scope)
        #expect(left.scope.hashValue == right.scope.hashValue)
    }

    @Test("Hashes tell keys apart, by value and by scope")
    func hashSpread() throws {
        var hashes: Set<Int> = []
        for index in 0..<1000 {
            hashes.insert(try IdempotencyKey(operation: "charge", value: "\(index)").hashValue)
            hashes.insert(try IdempotencyKey(operation: "charge \(index)", value: "0").hashValue)
        }
        #expect(hashes.count == 2000)
    }

    @Test("A shift of a byte from the operation to the value makes another key")
    func noShift() throws {
        #expect(
            try IdempotencyKey(operation: "ab", value: "c") != IdempotencyKey(operation: "a", value: "bc")
        )
    }
}
