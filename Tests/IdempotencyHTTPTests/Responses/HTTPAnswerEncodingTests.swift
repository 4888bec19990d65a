import Idempotency
import IdempotencyHTTP
import Testing

@Suite("Kept responses")
struct HTTPAnswerEncodingTests {
    private let answer = HTTPAnswer(
        status: 201,
        fields: [HeaderField("Location", "/a"), HeaderField("X", ""), HeaderField("Ü", "ß")],
        body: [1, 2, 3]
    )

    @Test("What is written is read again, and the bytes stay what they are")
    func roundTrip() throws {
        let bytes = try #require(answer.encoded())
        #expect(try HTTPAnswer(encoded: bytes) == answer)
        let empty = HTTPAnswer(status: 204, fields: [], body: [])
        #expect(empty.encoded() == [1, 0, 204, 0, 0])
        #expect(
            HTTPAnswer(status: 200, fields: [HeaderField("A", "b")], body: [7]).encoded()
                == [1, 0, 200, 0, 1, 0, 1, 65, 0, 1, 98, 7]
        )
    }

    @Test("Every byte that is cut off or changed in the head is read as something else or refused, and never crashes")
    func damage() throws {
        let bytes = try #require(answer.encoded())
        let head = bytes.count - answer.body.count
        for count in 0..<head {
            #expect(throws: IdempotencyError.self) { try HTTPAnswer(encoded: Array(bytes.prefix(count))) }
        }
        for index in 0..<head {
            for value in UInt8.min...UInt8.max where value != bytes[index] {
                var damaged = bytes
                damaged[index] = value
                if let read = try? HTTPAnswer(encoded: damaged) { #expect(read != answer) }
            }
        }
    }

    @Test("Another format is refused with a code of its own")
    func otherFormat() {
        for bytes: [UInt8] in [[], [3, 0, 200, 0, 0], [1, 0, 1, 0, 0], [1, 255, 255, 0, 0]] {
            let error = #expect(throws: IdempotencyError.self) { try HTTPAnswer(encoded: bytes) }
            #expect(error?.code == .undecodableResult)
        }
        let withoutBody = #expect(throws: IdempotencyError.self) { try HTTPAnswer(encoded: [2, 0, 200, 0, 0]) }
        #expect(withoutBody?.code == .resultNotKept)
        // It has no body.
        let withBody = #expect(throws: IdempotencyError.self) { try HTTPAnswer(encoded: [2, 0, 200, 0, 0, 7]) }
        #expect(withBody?.code == .undecodableResult)
    }

    @Test("What has no room in the format is not kept")
    func limits() {
        #expect(HTTPAnswer(status: 99, fields: [], body: []).encoded() == nil)
        #expect(HTTPAnswer(status: 1000, fields: [], body: []).encoded() == nil)
        let long = String(repeating: "v", count: 65_536)
        #expect(HTTPAnswer(status: 200, fields: [HeaderField("X", long)], body: []).encoded() == nil)
        #expect(
            HTTPAnswer(status: 200, fields: Array(repeating: HeaderField("X", ""), count: 65_536), body: []).encoded()
                == nil
        )
    }
}
