import Testing

@testable import Idempotency

@Suite("Fingerprints of bytes and of fields")
struct FingerprintTests {
    @Test("Fields count whatever their order")
    func order() {
        let fingerprint = Fingerprint(fields: ["account": "DE-1", "amount": "100", "note": nil])
        #expect(fingerprint == Fingerprint(fields: ["note": nil, "amount": "100", "account": "DE-1"]))
        #expect(fingerprint == Fingerprint(fields: ["amount": "100", "note": nil, "account": "DE-1"]))
    }

    @Test("A name given twice counts whatever the order of its values")
    func repeatedName() {
        #expect(Fingerprint(fields: ["a": "1", "a": "2"]) == Fingerprint(fields: ["a": "2", "a": "1"]))
        #expect(Fingerprint(fields: ["a": "1", "a": "2"]) != Fingerprint(fields: ["a": "1", "a": "1"]))
        #expect(Fingerprint(fields: ["a": "1", "a": "1"]) != Fingerprint(fields: ["a": "1"]))
        #expect(Fingerprint(fields: ["a": nil, "a": ""]) == Fingerprint(fields: ["a": "", "a": nil]))
    }

    @Test("An absent value is not an empty one, and not a missing field")
    func absent() {
        let all = [
            Fingerprint(fields: ["note": nil]), Fingerprint(fields: ["note": ""]), Fingerprint(fields: [:]),
            Fingerprint(fields: ["note": "\0"]), Fingerprint(fields: ["": "note"]), Fingerprint(fields: ["": nil]),
        ]
        for (row, left) in all.enumerated() {
            for (column, right) in all.enumerated() { #expect((left == right) == (row == column)) }
        }
    }

    @Test("Nothing can be shifted between a name and its value, or between two fields")
    func shifting() {
        let digests = [
            Fingerprint(fields: ["ab": "c"]), Fingerprint(fields: ["a": "bc"]), Fingerprint(fields: ["abc": ""]),
            Fingerprint(fields: ["": "abc"]), Fingerprint(fields: ["a": "b", "c": ""]),
            Fingerprint(fields: ["a": "", "b": "c"]), Fingerprint(fields: ["a": "b", "c": nil]),
            Fingerprint(fields: ["a": "c", "b": "d"]), Fingerprint(fields: ["a": "d", "b": "c"]),
        ].map(\.digest)
        #expect(Set(digests).count == digests.count)
    }

    @Test("Names and values count byte for byte")
    func bytewise() {
        #expect(Fingerprint(fields: ["é": "1"]) != Fingerprint(fields: ["e\u{301}": "1"]))
        #expect(Fingerprint(fields: ["a": "é"]) != Fingerprint(fields: ["a": "e\u{301}"]))
        #expect(Fingerprint(fields: ["a": "X"]) != Fingerprint(fields: ["a": "x"]))
    }

    @Test("Values count as their texts: 100 is \"100\", and not \"100.0\"")
    func values() {
        let fingerprint = Fingerprint(fields: ["amount": 100, "urgent": true, "rate": 0.5, "unit": Character("x")])
        #expect(fingerprint == Fingerprint(fields: ["amount": "100", "urgent": "true", "rate": "0.5", "unit": "x"]))
        #expect(Fingerprint(fields: ["amount": 100]) != Fingerprint(fields: ["amount": 100.0]))
        #expect(Fingerprint(fields: ["amount": Int?.none]) == Fingerprint(fields: ["amount": nil]))
    }

    /// Computed by Python's hashlib from the description: two processes and two releases agree.
    @Test("Fingerprints of fields never change between releases")
    func golden() {
        func hex(_ fields: KeyValuePairs<String, (any LosslessStringConvertible)?>) -> String {
            Hex.text(Fingerprint(fields: fields).digest)
        }
        #expect(
            hex(["account": "DE-1", "amount": "100", "note": nil])
                == "0e37f1074b2a9a19e966c93744d80044e3cf24b2f6d4e0363de978e9072c2ec7"
        )
        #expect(
            hex(["note": "", "amount": "100", "account": "DE-1"])
                == "175314d851aba7dd126d9459cd8dc95fd79a1aa05469e96bf9a61f91792c34f7"
        )
        #expect(hex([:]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(hex(["é": "🎉"]) == "85af3cf0d015a0aad8eab3b72f3b1f74adb48d5b0dd018ffa7a0855aaf79af1e")
        #expect(
            hex(["b": "1", "a": "2", "B": "3", "a": "1"])
                == "b4eb070c5670bad28564a97b8520ec7d41a226f9a0798e6b8020c0c0d788799c"
        )
    }

    @Test("The same digest made in another way is another fingerprint")
    func algorithm() throws {
        let digest = [UInt8](repeating: 7, count: 32)
        let algorithms = [Fingerprint.Algorithm.sha256, .sha256OfFields, .sha256OfJSON]
        for left in algorithms {
            for right in algorithms {
                let one = try #require(Fingerprint(algorithm: left, digest: digest))
                let other = try #require(Fingerprint(algorithm: right, digest: digest))
                #expect((one == other) == (left == right))
            }
        }
        // No field at all hashes no bytes at all: only the algorithm tells the two apart.
        #expect(Fingerprint(fields: [:]).digest == Fingerprint(bytes: []).digest)
        #expect(Fingerprint(fields: [:]) != Fingerprint(bytes: []))
    }

    @Test("Algorithms keep their numbers, for records keep them")
    func numbers() {
        #expect(Fingerprint.Algorithm.sha256.rawValue == 1)
        #expect(Fingerprint.Algorithm.sha256OfFields.rawValue == 2)
        #expect(Fingerprint.Algorithm.sha256OfJSON.rawValue == 3)
    }

    @Test("Fingerprints that differ in any one bit are different")
    func everyBit() throws {
        let digest = Fingerprint(bytes: [1, 2, 3]).digest
        let fingerprint = try #require(Fingerprint(algorithm: .sha256, digest: digest))
        #expect(fingerprint == Fingerprint(bytes: [1, 2, 3]))
        for bit in 0..<256 {
            var changed = digest
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(fingerprint != Fingerprint(algorithm: .sha256, digest: changed))
        }
    }

    @Test("A digest of another length is none", arguments: [0, 1, 31, 33, 64])
    func length(_ count: Int) {
        #expect(Fingerprint(algorithm: .sha256, digest: [UInt8](repeating: 0, count: count)) == nil)
    }

    @Test("A digest comes back as it was given")
    func roundTrip() throws {
        let digest = (0..<32).map { UInt8(200 + $0) }
        #expect(try #require(Fingerprint(algorithm: .sha256OfJSON, digest: digest)).digest == digest)
    }
}
