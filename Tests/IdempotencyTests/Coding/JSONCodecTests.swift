import Testing

@testable import Idempotency

@Suite("The JSON codec")
struct JSONCodecTests {
    private let codec = JSONIdempotencyCodec()

    enum Outcome: Codable, Equatable {
        case paid(amount: Double, at: [String: Int?])
        case declined(reason: String?)
        case skipped
    }

    struct Receipt: Codable, Equatable {
        var id: UInt64
        var offset: Int64
        var amounts: [Double]
        var text: String
        var outcome: Outcome
        var note: String?
        var nested: [[Receipt]]
    }

    private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
        try codec.decode(Value.self, from: codec.encode(value))
    }

    @Test("A result of many parts comes back as it was")
    func receipt() throws {
        let inner = Receipt(
            id: .max,
            offset: .min,
            amounts: [0.1, 1e300, .leastNonzeroMagnitude, -0.0, .infinity, -.infinity],
            text: "quote \" backslash \\ slash / line \n é e\u{301} 🎉 \u{0} \u{2028} ",
            outcome: .declined(reason: nil),
            note: nil,
            nested: []
        )
        var receipt = inner
        receipt.outcome = .paid(amount: 0.30000000000000004, at: ["a": 1, "é": nil])
        receipt.nested = [[inner], [], [inner, inner]]
        let back = try roundTrip(receipt)
        #expect(back == receipt)
        // Swift's equality of texts does not see another normalization.
        #expect(back.text.utf8.elementsEqual(receipt.text.utf8))
        #expect(back.amounts[3].sign == .minus)
    }

    @Test("Bare values come back: numbers, texts, booleans, nothing at all")
    func fragments() throws {
        #expect(try roundTrip(Int.min) == .min)
        #expect(try roundTrip(UInt64.max) == .max)
        #expect(try roundTrip("") == "")
        #expect(try roundTrip("NaN") == "NaN")
        #expect(try roundTrip(true) == true)
        #expect(try roundTrip(Int?.none) == nil)
        #expect(try roundTrip(Int?.some(5)) == 5)
        #expect(try roundTrip(Outcome.skipped) == .skipped)
        #expect(try roundTrip([Int]()) == [])
        #expect(try roundTrip(Double.nan).isNaN)
        #expect(try roundTrip(Float.nan).isNaN)
        #expect(try roundTrip(-Double.infinity) == -.infinity)
    }

    @Test("20,000 random doubles come back bit for bit")
    func doubles() throws {
        var random = SplitMix64(seed: 42)
        let values = (0..<20_000).map { _ in Double(bitPattern: random.next()) }.filter { !$0.isNaN }
        #expect(try roundTrip(values).map(\.bitPattern) == values.map(\.bitPattern))
    }

    struct Old: Codable { var id: Int }

    struct New: Codable {
        var id: Int
        var note: String?
    }

    struct Stricter: Codable {
        var id: Int
        var note: String
    }

    @Test("A field that a release adds as optional reads what the release before wrote, a required one does not")
    func evolution() throws {
        let old = try codec.encode(Old(id: 7))
        #expect(try codec.decode(New.self, from: old).id == 7)
        #expect(throws: DecodingError.self) { try codec.decode(Stricter.self, from: old) }
        #expect(try codec.decode(Old.self, from: codec.encode(New(id: 8, note: "n"))).id == 8)
    }

    @Test("What is kept is plain JSON")
    func text() throws {
        #expect(String(decoding: try codec.encode(Old(id: 7)), as: UTF8.self) == #"{"id":7}"#)
        #expect(String(decoding: try codec.encode([Double.nan, .infinity]), as: UTF8.self) == #"["NaN","Infinity"]"#)
    }

    @Test(
        "Bytes that are no JSON are refused, never a crash",
        arguments: ["", "{", "nul", #"{"id":}"#, #""\u12""#, "\u{0}", #"{"id":1e999}"#, "[[[[[[[["]
    )
    func malformed(_ text: String) {
        #expect(throws: (any Error).self) { try codec.decode(Old.self, from: Array(text.utf8)) }
    }

    @Test("Bytes that are no UTF-8 are refused")
    func notText() {
        #expect(throws: (any Error).self) { try codec.decode(String.self, from: [0x22, 0xFF, 0xFE, 0x22]) }
        #expect(throws: (any Error).self) { try codec.decode(Old.self, from: [UInt8](repeating: 0xC0, count: 64)) }
    }
}
