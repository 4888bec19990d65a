import Testing

@testable import Idempotency

@Suite("Damaged, foreign and newer records")
struct RecordDamageTests {
    private func code(_ bytes: [UInt8]) -> IdempotencyError.Code? {
        do {
            _ = try IdempotencyRecord(encoded: bytes)
            return nil
        } catch {
            return error.code
        }
    }

    private func checked(_ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: body.count + 4)
        writer.append(contentsOf: body)
        writer.append(integer: CRC32.checksum(of: body[...]))
        return writer.bytes
    }

    @Test("Every truncation is refused", arguments: RecordGolden.all)
    func truncation(_ golden: RecordGolden) {
        let bytes = golden.bytes
        for count in 0..<bytes.count {
            #expect(code(Array(bytes.prefix(count))) == .corruptRecord, "\(count) bytes")
            #expect(code(Array(bytes.suffix(count))) == .corruptRecord, "the last \(count) bytes")
        }
    }

    @Test("Every truncation is refused by the reader too, where the checksum is right", arguments: RecordGolden.all)
    func truncationWithChecksum(_ golden: RecordGolden) {
        let body = golden.body
        for count in 4..<body.count {
            #expect(code(checked(Array(body.prefix(count)))) == .corruptRecord, "\(count) bytes")
        }
    }

    @Test("Every single flipped bit is refused", arguments: RecordGolden.all)
    func bitFlips(_ golden: RecordGolden) {
        let bytes = golden.bytes
        var accepted: [Int] = []
        for bit in 0..<(bytes.count * 8) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            // In the version byte a flip may look like a newer format.
            let expected: IdempotencyError.Code =
                bit / 8 == 3 && damaged[3] > 2 ? .unsupportedRecordVersion : .corruptRecord
            if code(damaged) != expected { accepted.append(bit) }
        }
        #expect(accepted.isEmpty)
    }

    @Test("Format 2 with nothing in it that format 1 has no room for is refused")
    func emptyFormat2() {
        var body = header(1) + [0, 0, 0, 0, 0]
        body[3] = 2
        #expect(code(checked(body + [0, 0, 0, 0, 0, 0, 0, 0])) == .corruptRecord)
        #expect(code(checked(body + [0, 0, 0, 0, 0, 0, 0, 1])) == nil)
        body[6] |= 4
        #expect(code(checked(body + [0, 0, 0, 0, 0, 0, 0, 1])) == .corruptRecord, "a settlement that is not there")
        #expect(code(checked(body + [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 97, 0, 1, 97])) == nil)
        body[6] |= 8
        #expect(
            code(checked(body + [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 97, 0, 1, 97])) == .corruptRecord,
            "a flag of tomorrow"
        )
    }

    @Test("More bytes behind a record are refused, with and without a right checksum", arguments: RecordGolden.all)
    func trailing(_ golden: RecordGolden) {
        #expect(code(golden.bytes + [0]) == .corruptRecord)
        #expect(code(golden.bytes + golden.bytes) == .corruptRecord)
        #expect(code(checked(golden.body + [0])) == .corruptRecord)
    }

    @Test(
        "A newer format is refused with the advice to upgrade, whatever follows",
        arguments: 3...255 as ClosedRange<UInt8>
    )
    func newerVersion(_ version: UInt8) throws {
        var newer = RecordGolden.all[0].bytes
        newer[3] = version
        for bytes in [newer, checked(newer.dropLast(4)), Array(newer.prefix(4)), Array(newer.prefix(7))] {
            let error = try #require(throws: IdempotencyError.self) { try IdempotencyRecord(encoded: bytes) }
            #expect(error.code == .unsupportedRecordVersion)
            #expect(error.message.contains("format \(version), and this release reads up to 2"))
            #expect(error.message.contains("upgrade this service"))
        }
    }

    @Test(
        "What is no record is refused as corrupt",
        arguments: [
            [], [0], Array("IDR".utf8), Array("IDR\u{1}".utf8), Array("IDR\u{0}".utf8), Array("idr\u{1}12345678".utf8),
            Array(#"{"state":"done"}"#.utf8), [UInt8](repeating: 0, count: 100), [UInt8](repeating: 255, count: 100),
        ]
    )
    func garbage(_ bytes: [UInt8]) throws {
        let error = try #require(throws: IdempotencyError.self) { try IdempotencyRecord(encoded: bytes) }
        #expect(error.code == .corruptRecord)
        #expect(error.message.hasPrefix("A stored record cannot be read: "))
        #expect(error.message.contains("Nothing was run or changed"))
    }

    /// Everything up to the state's part: 51 bytes in a record without a fingerprint.
    private func header(_ state: UInt8, policy: UInt8 = 1, flags: UInt8 = 1) -> [UInt8] {
        var bytes = Array(RecordGolden.all[0].bytes.prefix(51))
        bytes.replaceSubrange(4..<7, with: [state, policy, flags])
        return bytes
    }

    @Test("A length far beyond the bytes that are there is refused without making room for it")
    func hugeLengths() {
        let none: [UInt8] = [0, 0, 0, 0]
        let huge: [UInt8] = [255, 255, 255, 255]
        #expect(code(checked(header(1) + [0] + none)) == nil)
        #expect(code(checked(header(1) + [0] + huge)) == .corruptRecord, "checkpoints")
        #expect(code(checked(header(2) + [1] + huge + none)) == .corruptRecord, "bytes")
        #expect(code(checked(header(2) + [2] + huge + none)) == .corruptRecord, "encoded")
        #expect(code(checked(header(3) + [1, 255, 255] + none)) == .corruptRecord, "a failure's name")
        #expect(code(checked(header(1) + [0, 0, 0, 0, 1, 255, 255] + none)) == .corruptRecord, "a step's name")
        #expect(code(checked(header(1) + [0, 0, 0, 0, 1, 0, 1, 97, 1] + huge)) == .corruptRecord, "a step's value")
    }

    @Test("Numbers that no release has written are refused, each by name")
    func unknownNumbers() throws {
        let none: [UInt8] = [0, 0, 0, 0]
        var negativeLease = header(1)
        negativeLease[35] = 0x80
        var negativeRetention = header(1)
        negativeRetention[43] = 0x80
        let cases: [(String, [UInt8])] = [
            ("its state is unknown", header(0) + [0] + none), ("its state is unknown", header(4) + [0] + none),
            ("its lapse policy is unknown", header(1, policy: 0) + [0] + none),
            ("its lapse policy is unknown", header(1, policy: 4) + [0] + none),
            ("its flags are unknown", header(1, flags: 4) + [0] + none),
            ("the algorithm of its fingerprint is unknown", header(1, flags: 2) + [0] + Array(repeating: 0, count: 40)),
            ("the algorithm of its fingerprint is unknown", header(1, flags: 2) + [4] + Array(repeating: 0, count: 40)),
            ("its reason is unknown", header(1) + [5] + none), ("its failure is unknown", header(3) + [0] + none),
            ("its failure is unknown", header(3) + [5] + none), ("its reason is unknown", header(3) + [2, 0] + none),
            ("its reason is unknown", header(3) + [2, 4] + none),
            ("the kind of a value is unknown", header(2) + [4] + none),
            ("the reason why a value is not kept is unknown", header(2) + [3, 0] + none),
            ("the reason why a value is not kept is unknown", header(2) + [3, 4] + none),
            ("a name in it is not UTF-8", header(3) + [1, 0, 2, 0xC3, 0x28, 0] + none),
            ("a span of it is negative", negativeLease + [0] + none),
            ("a span of it is negative", negativeRetention + [0] + none),
        ]
        for (what, body) in cases {
            let error = try #require(throws: IdempotencyError.self) { try IdempotencyRecord(encoded: checked(body)) }
            #expect(error.code == .corruptRecord)
            #expect(error.message.contains(what))
        }
    }

    @Test("100,000 random inputs are refused or read, and what is read is written again as it was")
    func random() {
        var generator = RecordGenerator(seed: 7)
        let prefix = Array("IDR\u{1}".utf8)
        let headers = (1...3 as ClosedRange<UInt8>).map { header($0) }
        let bodies = RecordGolden.all.map { Array($0.body) }
        var readable = 0
        var changed: [[UInt8]] = []
        for round in 0..<100_000 {
            let bytes: [UInt8]
            switch round % 4 {
            case 0: bytes = generator.bytes(atMost: 80)
            case 1: bytes = checked(prefix + generator.bytes(atMost: 80))
            case 2: bytes = checked(generator.pick(headers) + generator.bytes(atMost: 24))
            default:
                // A good record, with some bytes changed and the checksum set right.
                var body = generator.pick(bodies)
                for _ in 0...generator.number(0...2) {
                    body[generator.number(4...(body.count - 1))] = UInt8(generator.number(0...255))
                }
                bytes = checked(body)
            }
            guard let record = try? IdempotencyRecord(encoded: bytes) else { continue }
            readable += 1
            if record.encoded() != bytes { changed.append(bytes) }
        }
        #expect(changed.isEmpty)
        #expect(readable > 1000, "the inputs are too wild to reach the inner parts: \(readable)")
    }
}
