import Testing

@testable import Idempotency

@Suite("Fingerprints of encodable requests")
struct FingerprintOfEncodableTests {
    struct Line: Encodable {
        var sku: String
        var price: Int64
    }

    struct Order: Encodable {
        var currency = "EUR"
        var amount = 12.5
        var count: Int? = 3
        var urgent = true
        var lines = [Line(sku: "a/b", price: -7), Line(sku: "é🎉", price: 9_007_199_254_740_993)]
    }

    /// The same members in another order.
    struct ReorderedOrder: Encodable {
        struct Line: Encodable {
            var price: Int64
            var sku: String
        }

        var lines = [Line(price: -7, sku: "a/b"), Line(price: 9_007_199_254_740_993, sku: "é🎉")]
        var urgent = true
        var count = 3
        var amount = 12.5
        var currency = "EUR"
    }

    private func hex(_ value: some Encodable) throws -> String { Hex.text(try Fingerprint(of: value).digest) }

    @Test("The order in which a type declares its members does not count")
    func memberOrder() throws {
        #expect(try Fingerprint(of: Order()) == Fingerprint(of: ReorderedOrder()))
    }

    static let names = [
        "a", "A", "b", "a1", "a10", "a9", "a01", "é", "ß", "ss", "ﬁ", "fi", "ａ", "１", "1", "\u{200D}", "", "🎉", "日",
    ]

    @Test("The order in which a dictionary was filled, and its capacity, do not count")
    func dictionaryOrder() throws {
        var fingerprints: Set<String> = []
        for capacity in [0, 100, 1000, 10_000] {
            for names in [Self.names, Self.names.reversed(), Self.names.sorted()] {
                var fields = [String: Int](minimumCapacity: capacity)
                for name in names { fields[name] = name.utf8.count }
                fingerprints.insert(try hex(fields))
            }
        }
        #expect(fingerprints.count == 1)
    }

    /// SHA-256 of the canonical JSON by Python's hashlib: two processes and two releases agree.
    @Test("Fingerprints of requests never change between releases")
    func golden() throws {
        #expect(try hex(Order()) == "73b2238a4a169195c0973c45908e1085f99e13c55f0696ed7e744593c3d724c4")
        #expect(try hex("charge") == "33829e45a9ddc70421baedb51413eb99d06e96e518c550c5d59998156f239b69")
        #expect(try hex([1, 2, 3]) == "a615eeaee21de5179de080de8c3052c8da901138406ba71c38c032845f7d54f4")
        #expect(
            try hex(["a": 1, "A": 2, "é": 3, "B": 4, "a9": 5, "a10": 6])
                == "3d4fccd4be4975d161002454e20b19e7f1200ea964f704504c2b54c671e358c6"
        )
        #expect(
            try hex([Double.nan, .infinity, -.infinity, 0.1])
                == "f28cd439ca9a9fdba8482901f9a679676a1479a32f928c55cb011220058611a3"
        )
        #expect(try Fingerprint(of: "charge").algorithm == .sha256OfJSON)
    }

    @Test("Any other content has another fingerprint")
    func content() throws {
        var orders = Array(repeating: Order(), count: 10)
        orders[1].currency = "eur"
        orders[2].amount = 12.500000000000002
        orders[3].count = nil
        orders[4].urgent = false
        orders[5].lines.reverse()
        orders[6].lines.removeLast()
        orders[7].lines[1].price -= 1
        orders[8].lines[1].sku = "e\u{301}🎉"
        orders[9].count = 0
        #expect(Set(try orders.map(hex)).count == orders.count)
    }

    @Test("Not-a-number and the infinities have fingerprints, all different")
    func numbers() throws {
        let values: [Double] = [.nan, .infinity, -.infinity, 0, .greatestFiniteMagnitude, .leastNonzeroMagnitude]
        #expect(Set(try values.map(hex)).count == values.count)
        #expect(try hex(Double.nan) == hex(-Double.nan))
        #expect(try hex(Float.infinity) == hex(Double.infinity))
    }

    struct Refusing: Encodable {
        struct Reason: Error {}
        func encode(to encoder: any Encoder) throws { throw Reason() }
    }

    struct Silent: Encodable {
        func encode(to encoder: any Encoder) throws {}
    }

    @Test("What cannot be encoded throws fingerprintNotComputable, with the reason as its cause")
    func unencodable() {
        let refused = #expect(throws: IdempotencyError.self) { try Fingerprint(of: Refusing()) }
        #expect(refused?.code == .fingerprintNotComputable)
        #expect(refused?.cause is Refusing.Reason)
        #expect(refused?.message.contains("pass one made of its fields, or none") == true)
        #expect(throws: IdempotencyError.self) { try Fingerprint(of: Silent()) }
        #expect(throws: IdempotencyError.self) { try Fingerprint(of: ["list": [Refusing()]]) }
    }

    @Test("64 tasks that share the encoder get the same fingerprint")
    func concurrency() async throws {
        let expected = try hex(Order())
        let all = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<64 { group.addTask { Hex.text(try Fingerprint(of: Order()).digest) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(all == [expected])
    }
}
