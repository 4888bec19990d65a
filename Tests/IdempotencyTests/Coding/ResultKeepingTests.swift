import Testing

@testable import Idempotency

@Suite("How a handler's value is kept and restored")
struct ResultKeepingTests {
    /// Encodes and decodes nothing: whoever calls it by mistake is found out.
    struct UntouchableCodec: IdempotencyCodec {
        struct Touched: Error {}
        func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] { throw Touched() }
        func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value { throw Touched() }
    }

    struct Receipt: Codable, Equatable { var id: Int }

    struct Unencodable: Codable {
        func encode(to encoder: any Encoder) throws {
            throw EncodingError.invalidValue(0, .init(codingPath: [], debugDescription: "no"))
        }
    }

    private let json = JSONIdempotencyCodec()

    private func expectCode<Value: Codable>(
        _ code: IdempotencyError.Code,
        _ type: Value.Type,
        _ stored: StoredValue,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: IdempotencyError.self, sourceLocation: sourceLocation) {
            try ResultKeeping.restore(Value.self, from: stored, with: json)
        }
        #expect(error?.code == code, sourceLocation: sourceLocation)
    }

    @Test("[UInt8] is kept as it is, and no codec sees it")
    func bytes() throws {
        let bytes: [UInt8] = [0, 255, 34, 92]
        let kept = ResultKeeping.keep(bytes, with: UntouchableCodec(), limit: 4)
        #expect(kept == .bytes(bytes))
        #expect(try ResultKeeping.restore([UInt8].self, from: kept, with: UntouchableCodec()) == bytes)
        #expect(ResultKeeping.keep([UInt8](), with: UntouchableCodec(), limit: 0) == .bytes([]))
    }

    @Test("Void is restored from nothing")
    func void() throws {
        try ResultKeeping.restoreVoid(from: .void)
    }

    @Test("Everything else passes through the codec")
    func encoded() throws {
        let kept = ResultKeeping.keep(Receipt(id: 7), with: json, limit: 100)
        #expect(kept == .encoded(Array(#"{"id":7}"#.utf8)))
        #expect(try ResultKeeping.restore(Receipt.self, from: kept, with: json) == Receipt(id: 7))
        // An optional of bytes, and other lists of numbers, are no bytes.
        #expect(ResultKeeping.keep([1] as [UInt8]?, with: json, limit: 100) == .encoded(Array("[1]".utf8)))
        #expect(ResultKeeping.keep([1] as [UInt16], with: json, limit: 100) == .encoded(Array("[1]".utf8)))
    }

    @Test("A kept value of another kind is undecodableResult, never a misread")
    func wrongKind() throws {
        expectCode(.undecodableResult, [UInt8].self, .encoded(Array("[1,2]".utf8)))
        expectCode(.undecodableResult, [UInt8].self, .void)
        expectCode(.undecodableResult, Receipt.self, .bytes(Array(#"{"id":7}"#.utf8)))
        expectCode(.undecodableResult, Receipt.self, .void)
        expectCode(.undecodableResult, Receipt?.self, .void)
        expectCode(.undecodableResult, Receipt.self, .encoded(Array(#"{"number":7}"#.utf8)))
        expectCode(.undecodableResult, Receipt.self, .encoded([]))
        for stored in [StoredValue.bytes([]), .encoded([]), .encoded(Array("null".utf8))] {
            let error = #expect(throws: IdempotencyError.self) { try ResultKeeping.restoreVoid(from: stored) }
            #expect(error?.code == .undecodableResult)
        }
    }

    @Test("An undecodable result says what to do, with the codec's error as its cause")
    func advice() {
        let error = #expect(throws: IdempotencyError.self) {
            try ResultKeeping.restore(Receipt.self, from: .encoded(Array("{}".utf8)), with: json)
        }
        #expect(error?.cause is DecodingError)
        #expect(error?.message.hasPrefix("The kept result cannot be read as Receipt.") == true)
        #expect(error?.message.contains("Nothing was run again") == true)
    }

    @Test(
        "A tombstone is resultNotKept for every type, and says why",
        arguments: [StoredValue.Omission.tooLarge, .notEncodable, .storeWasAway]
    )
    func tombstones(_ omission: StoredValue.Omission) {
        let stored = StoredValue.omitted(omission)
        expectCode(.resultNotKept, Receipt.self, stored)
        expectCode(.resultNotKept, [UInt8].self, stored)
        expectCode(.resultNotKept, Int?.self, stored)
        let error = #expect(throws: IdempotencyError.self) { try ResultKeeping.restoreVoid(from: stored) }
        #expect(error?.code == .resultNotKept)
        let advice =
            switch omission {
            case .tooLarge: "raise `maximumResultSize`"
            case .notEncodable: "mend the type's encoding"
            case .storeWasAway: "while the store was away"
            }
        #expect(error?.message.contains(advice) == true)
    }

    @Test(
        "The size limit counts encoded bytes: at it the value is kept, one over only a tombstone",
        arguments: [0, 1, 8, 1000]
    )
    func limit(_ limit: Int) {
        let fits = [UInt8](repeating: 1, count: limit)
        #expect(ResultKeeping.keep(fits, with: json, limit: limit) == .bytes(fits))
        #expect(ResultKeeping.keep(fits + [1], with: json, limit: limit) == .omitted(.tooLarge))
        // A text is two quotes longer than itself, and é two bytes long.
        guard limit >= 8 else { return }
        let text = String(repeating: "é", count: (limit - 2) / 2)
        #expect(ResultKeeping.keep(text, with: json, limit: limit) == .encoded(Array("\"\(text)\"".utf8)))
        #expect(ResultKeeping.keep(text + "é", with: json, limit: limit) == .omitted(.tooLarge))
    }

    @Test("A value that cannot be encoded leaves a tombstone")
    func unencodable() {
        let kept = ResultKeeping.keep(Unencodable(), with: json, limit: 1000)
        #expect(kept == .omitted(.notEncodable))
        #expect(ResultKeeping.keep([Unencodable()], with: json, limit: 0) == .omitted(.notEncodable))
    }

    @Test("An error hands out the result that it carries, in the handler's type only")
    func attached() throws {
        let kept = ResultKeeping.keep(Receipt(id: 7), with: json, limit: 100)
        let error = IdempotencyError.leaseLost(AttachedResult(value: kept, codec: json), of: nil)
        #expect(try error.result(as: Receipt.self) == Receipt(id: 7))
        #expect(throws: IdempotencyError.self) { try error.result(as: [UInt8].self) }
        #expect(try IdempotencyError.leaseLost(of: nil).result(as: Receipt.self) == nil)
        #expect(try IdempotencyError.contention.result(as: Receipt.self) == nil)
    }
}
