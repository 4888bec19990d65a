import Testing

@testable import Idempotency

@Suite("The encoded form of a record")
struct RecordEncodingTests {
    @Test("Each format is written as it is described, the oldest that has room", arguments: RecordGolden.all)
    func written(_ golden: RecordGolden) {
        #expect(Hex.text(golden.record.encoded()) == golden.hex)
    }

    @Test("What this format wrote is read by every later release", arguments: RecordGolden.all)
    func read(_ golden: RecordGolden) throws {
        #expect(try IdempotencyRecord(encoded: golden.bytes) == golden.record)
    }

    @Test("The numbers that records keep never change")
    func numbers() {
        #expect([LapsePolicy.rerun, .reconcile, .refuse].map(\.rawValue) == [1, 2, 3])
        #expect(
            [UnknownReason.lapsed, .handlerThrew, .attemptsExhausted, .notReconciled].map(\.rawValue) == [1, 2, 3, 4]
        )
        #expect([StoredFailure.RetryReason.didNotHappen, .neverEntered, .threw].map(\.rawValue) == [1, 2, 3])
        #expect([StoredValue.Omission.tooLarge, .notEncodable, .storeWasAway].map(\.rawValue) == [1, 2, 3])
        #expect(IdempotencyRecord.formatVersion == 2)
    }

    @Test("5,000 generated records come back as they went")
    func roundTrip() throws {
        var generator = RecordGenerator(seed: 20_260_101)
        var shapes: Set<String> = []
        for _ in 0..<5000 {
            let record = generator.record()
            let bytes = record.encoded()
            let back = try IdempotencyRecord(encoded: bytes)
            #expect(back == record)
            // Texts are equal to Swift where their bytes are not: the bytes have to come back too.
            #expect(back.encoded() == bytes)
            shapes.insert("\(back.state)".filter(\.isLetter))
        }
        #expect(shapes.count > 12, "the generator makes too few shapes: \(shapes)")
    }

    @Test("A record is one value: what differs in one field differs in its bytes")
    func fields() throws {
        let record = IdempotencyRecord.example(token: 5, lease: 30)
        var others = Array(repeating: record, count: 15)
        others[0].state = .pending(unknown: .lapsed)
        others[1].attemptNumber += 1
        others[2].claimant = Claimant(high: Claimant.first.low, low: Claimant.first.high)
        others[3].tokenNumber += 1
        others[4].fingerprint = Fingerprint(bytes: [])
        others[5].lapsePolicy = .refuse
        others[6].isKnownWithoutEffect.toggle()
        others[7].leaseNanoseconds += 1
        others[8].retentionNanoseconds += 1
        others[9].checkpoints = [Checkpoint(name: "a", value: .void)]
        others[10].checkpoints = [Checkpoint(name: "a", value: .bytes([]))]
        others[11].keyDigest = 1
        others[12].settlement = try Settlement(id: "i", settledBy: "a")
        others[13].settlement = try Settlement(id: "i", settledBy: "b")
        others[14].settlement = try Settlement(id: "j", settledBy: "a")
        #expect(Set((others + [record]).map { $0.encoded() }).count == 16)
    }
}
