import Idempotency
import Testing

@Suite("What a key and a scope may hold")
struct KeyValidationTests {
    /// A text of a key, together with how the key or scope around it is made.
    enum Place: CaseIterable {
        case value, valueOfOperationKey, operation, tenant, principal, composedPart

        func make(_ text: String) throws(IdempotencyError) {
            let scope = try IdempotencyScope("charge")
            switch self {
            case .value: _ = try IdempotencyKey(scope: scope, value: text)
            case .valueOfOperationKey: _ = try IdempotencyKey(operation: "charge", value: text)
            case .operation: _ = try IdempotencyScope(text)
            case .tenant: _ = try IdempotencyScope("a", tenant: text)
            case .principal: _ = try IdempotencyScope("a", principal: text)
            case .composedPart: _ = try IdempotencyKey(scope: scope, composing: text)
            }
        }

        /// How many bytes are left for the text beside what is joined to it.
        var maximumBytes: Int {
            switch self {
            case .value, .valueOfOperationKey, .operation, .composedPart: 255
            case .tenant: 255 - "a;tenant=".utf8.count
            case .principal: 255 - "a;principal=".utf8.count
            }
        }

        var words: String {
            switch self {
            case .value, .valueOfOperationKey: "The key's value"
            case .operation: "The scope's operation"
            case .tenant: "The scope's tenant"
            case .principal: "The scope's principal"
            case .composedPart: "Part 1 of the composed key"
            }
        }
    }

    private func refusal(_ place: Place, _ text: String) throws -> String {
        let error = try #require(throws: IdempotencyError.self) { try place.make(text) }
        #expect(error.code == .invalidKey)
        return error.message
    }

    @Test("An empty text is refused with an error that names it and says what to do", arguments: Place.allCases)
    func empty(_ place: Place) throws {
        #expect(try refusal(place, "") == "\(place.words) is empty; give it at least one character.")
    }

    @Test(
        "As many bytes of UTF-8 as fit are accepted and one more is refused",
        arguments: Place.allCases,
        ["x", "é", "€", "🎉"]
    )
    func length(_ place: Place, _ character: String) throws {
        let size = character.utf8.count
        let padding = String(repeating: "p", count: place.maximumBytes % size)
        let longest = padding + String(repeating: character, count: place.maximumBytes / size)
        #expect(longest.utf8.count == place.maximumBytes)
        try place.make(longest)
        let message = try refusal(place, longest + "y")
        #expect(message.hasSuffix("more than 255; shorten it, or use a hash of it."))
        #expect(message.contains(" has 256 bytes of UTF-8"))
        #expect(!message.contains(longest.suffix(8)))
    }

    static let controls =
        (0...0x1F).map { Unicode.Scalar(UInt8($0)) } + (0x7F...0x9F).map { Unicode.Scalar(UInt8($0)) }

    @Test("Every control character (C0, DEL, C1) is refused wherever it stands", arguments: controls, Place.allCases)
    func control(_ scalar: Unicode.Scalar, _ place: Place) throws {
        for text in ["\(scalar)", "\(scalar)secret", "sec\(scalar)ret", "secret\(scalar)"] {
            let message = try refusal(place, text)
            #expect(message == "\(place.words) holds a control character; remove it.")
        }
    }

    @Test("CR LF is refused although Swift counts it as one character", arguments: Place.allCases)
    func carriageReturnLineFeed(_ place: Place) throws {
        #expect(try refusal(place, "a\r\nSet-Cookie: b").contains("control character"))
    }

    @Test(
        "Characters beside the control characters are accepted",
        arguments: [" ", "!", "~", "\u{A0}", "\u{AD}", "\u{200D}", "\u{2028}", "\u{FEFF}", "\u{FFFF}", "\u{10FFFF}"]
    )
    func neighbours(_ text: String) throws {
        for place in Place.allCases { try place.make(text) }
        #expect(try IdempotencyKey(operation: "charge", value: text).value == text)
    }

    @Test("A refusal never contains the value", arguments: Place.allCases)
    func silence(_ place: Place) throws {
        let secret = "card-4111-1111"
        for text in [secret + "\n", String(repeating: secret, count: 20)] {
            let error = try #require(throws: IdempotencyError.self) { try place.make(text) }
            for shown in [error.message, "\(error)", String(reflecting: error)] { #expect(!shown.contains("4111")) }
        }
    }

    @Test("The parts of a scope are limited together, after escaping")
    func joined() throws {
        let tenant = String(repeating: "t", count: 100)
        let principal = String(repeating: "p", count: 255 - "a;tenant=;principal=".utf8.count - 100)
        let longest = try IdempotencyScope("a", tenant: tenant, principal: principal)
        #expect(longest.text.utf8.count == 255)
        for (wider, narrower) in [
            (principal + "p", tenant), (principal, tenant + "t"), (principal.dropLast() + "/", tenant),
        ] {
            let error = #expect(throws: IdempotencyError.self) {
                try IdempotencyScope("a", tenant: narrower, principal: String(wider))
            }
            #expect(error?.code == .invalidKey)
            #expect(error?.message.hasPrefix("The scope (operation, tenant and principal joined) has 25") == true)
        }
    }
}
