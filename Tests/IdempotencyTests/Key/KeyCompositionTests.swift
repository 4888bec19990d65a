import Idempotency
import Testing

@Suite("Keys composed of business fields")
struct KeyCompositionTests {
    private func key(_ parts: [String]) throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope("order"), composing: parts)
    }

    @Test("(a:b, c) is not (a, b:c)")
    func shifted() throws {
        #expect(try key(["a:b", "c"]) != key(["a", "b:c"]))
        #expect(try key(["a:b", "c"]).value == "a%3ab:c")
        #expect(try key(["a", "b:c"]).value == "a:b%3ac")
    }

    @Test("No two lists of parts make one value")
    func unambiguous() throws {
        let parts = ["a", "b", ":", "%", "%3a", "%3A", "%253a", "a:", ":a", "a:b", "a%b", "::", "é", "e\u{301}"]
        var lists = parts.map { [$0] }
        lists += parts.flatMap { first in parts.map { [first, $0] } }
        lists += parts.flatMap { first in parts.flatMap { second in parts.map { [first, second, $0] } } }
        let keys = Set(try lists.map(key))
        #expect(keys.count == lists.count)
    }

    @Test(
        "The value of a composed key never changes between releases",
        arguments: [
            (["user-1", "order-7"], "user-1:order-7"), (["a:b", "c"], "a%3ab:c"), (["100%", "a"], "100%25:a"),
            (["a/b", "c;d=e"], "a/b:c;d=e"), (["é", "🎉"], "é:🎉"), (["alone"], "alone"),
        ]
    )
    func golden(_ parts: [String], _ value: String) throws {
        #expect(try key(parts).value == value)
    }

    @Test("Parts given one by one make the same key as in an array")
    func variadic() throws {
        let scope = try IdempotencyScope("order")
        #expect(try IdempotencyKey(scope: scope, composing: "a", "b:c") == key(["a", "b:c"]))
    }

    @Test("No part at all, and an empty part, are refused by name")
    func missing() throws {
        let none = #expect(throws: IdempotencyError.self) { try key([]) }
        #expect(none?.code == .invalidKey)
        #expect(none?.message == "A composed key has no parts; give it the fields that identify the operation.")
        let empty = #expect(throws: IdempotencyError.self) { try key(["a", "", "c"]) }
        #expect(empty?.code == .invalidKey)
        #expect(empty?.message.hasPrefix("Part 2 of the composed key is empty") == true)
    }

    @Test("The limit of 255 bytes counts the joined and escaped text")
    func length() throws {
        let longest = [String(repeating: "a", count: 127), String(repeating: "b", count: 127)]
        #expect(try key(longest).value.utf8.count == 255)
        for parts in [[longest[0], longest[1] + "b"], [longest[0], String(longest[1].dropLast(1)) + ":"]] {
            let error = #expect(throws: IdempotencyError.self) { try key(parts) }
            #expect(error?.code == .invalidKey)
            #expect(error?.message.hasPrefix("The composed key (its parts joined) has 25") == true)
        }
    }
}
