import Testing

@testable import Idempotency

@Suite("Keys as fields of requests")
struct KeyCodableTests {
    private struct Request: Codable, Equatable {
        var key: IdempotencyKey
        var amount: Int
    }

    private let codec = JSONIdempotencyCodec()

    private func decode(_ json: String) throws -> IdempotencyKey {
        try codec.decode(IdempotencyKey.self, from: Array(json.utf8))
    }

    @Test("A key comes back equal, with every part of its scope")
    func roundTrip() throws {
        let scopes = [
            try IdempotencyScope("charge"), try IdempotencyScope("charge", tenant: "acme"),
            try IdempotencyScope("charge", principal: "acme"), try IdempotencyScope("a;tenant=b"),
            try IdempotencyScope("POST /a/{id}", tenant: "%", principal: "e\u{301}"),
        ]
        for scope in scopes {
            for value in ["order-1", "é", "e\u{301}", "🎉", "\"\\/", String(repeating: "v", count: 255)] {
                let key = try IdempotencyKey(scope: scope, value: value)
                let request = Request(key: key, amount: 5)
                let back = try codec.decode(Request.self, from: codec.encode(request))
                #expect(back == request)
                #expect(back.key.hashValue == key.hashValue)
                let parts = [back.key.scope.operation, back.key.scope.tenant, back.key.scope.principal]
                #expect(parts == [scope.operation, scope.tenant, scope.principal])
            }
        }
    }

    @Test("The encoded form never changes between releases, and leaves out what a scope has not")
    func golden() throws {
        let full = try IdempotencyKey(
            scope: IdempotencyScope("charge", tenant: "acme", principal: "u-1"),
            value: "order-1"
        )
        #expect(
            String(decoding: try SortedJSON.encode(full), as: UTF8.self)
                == #"{"operation":"charge","principal":"u-1","tenant":"acme","value":"order-1"}"#
        )
        let bare = try IdempotencyKey(operation: "charge", value: "order-1")
        #expect(
            String(decoding: try SortedJSON.encode(bare), as: UTF8.self) == #"{"operation":"charge","value":"order-1"}"#
        )
        #expect(try decode(#"{"value":"order-1","tenant":null,"operation":"charge"}"#) == bare)
    }

    @Test(
        "A decoded key obeys the same rules as any other, and its refusal does not show it",
        arguments: [
            #"{"operation":"charge","value":""}"#, #"{"operation":"","value":"secret"}"#,
            #"{"operation":"charge","value":"secret\r\n"}"#, #"{"operation":"charge","value":"sec\u0000ret"}"#,
            #"{"operation":"charge","tenant":"","value":"secret"}"#,
            #"{"operation":"charge","principal":"secret\u0085","value":"secret"}"#,
            #"{"operation":"charge","value":"secret"# + String(repeating: "x", count: 250) + #""}"#,
        ]
    )
    func rules(_ json: String) throws {
        let error = try #require(throws: IdempotencyError.self) { try decode(json) }
        #expect(error.code == .invalidKey)
        #expect(!"\(error)".contains("secret"))
    }

    @Test(
        "A missing part, or one of another type, is a decoding error",
        arguments: [
            #"{"operation":"charge"}"#, #"{"value":"order-1"}"#, #"{"operation":"charge","value":7}"#, #""order-1""#,
            "{}",
            #"{"operation":"charge","tenant":7,"value":"order-1"}"#,
        ]
    )
    func missing(_ json: String) {
        #expect(throws: DecodingError.self) { try decode(json) }
    }
}
