import IdempotencyHTTP
import Testing

@Suite("The field Idempotency-Key")
struct IdempotencyKeyFieldTests {
    private let strict = IdempotencyKeyField()
    private let lenient = IdempotencyKeyField(acceptsBareKeys: true)

    @Test("A String of the public test suite is read as it says", arguments: StringCase.ofTestSuite)
    func testSuite(_ example: StringCase) {
        #expect((try? strict.key(in: example.lines)) == example.string)
    }

    @Test("Each byte of ASCII is taken, refused or escaped as the RFC says")
    func eachByte() {
        for example in StringCase.ofEachByte {
            #expect((try? strict.key(in: example.lines)) == example.string, "\(example.name)")
        }
    }

    @Test(
        "Parameters are ignored where they are well formed, and refused where they are not",
        arguments: StringCase.withParameters
    )
    func parameters(_ example: StringCase) {
        #expect((try? strict.key(in: example.lines)) == example.string)
    }

    @Test("No field is no key, an empty or over-long key is malformed")
    func lengths() throws {
        #expect(try strict.key(in: []) == nil)
        #expect(throws: IdempotencyKeyField.Malformed.self) { try strict.key(in: ["\"\""]) }
        let longest = String(repeating: "k", count: 255)
        #expect(try strict.key(in: ["\"\(longest)\""]) == longest)
        #expect(throws: IdempotencyKeyField.Malformed.self) { try strict.key(in: ["\"\(longest)k\""]) }
        #expect(throws: IdempotencyKeyField.Malformed.self) {
            try strict.key(in: ["\"\(String(repeating: "k", count: 1 << 20))\""])
        }
        let escaped = String(repeating: "\\\\", count: 255)
        #expect(try strict.key(in: ["\"\(escaped)\""])?.utf8.count == 255)
    }

    @Test("Scenario 42: a lenient reader takes k and \"k\" for one key; a strict one refuses the first")
    func bareKeys() throws {
        let uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324"
        for key in ["k", uuid, "order:17/a+b=", "*", "1", "it's", "k.k~k"] {
            #expect(try lenient.key(in: [key]) == key)
            #expect(try lenient.key(in: ["\"\(key)\""]) == key)
            #expect(try lenient.key(in: [" \(key) "]) == key)
            #expect(throws: IdempotencyKeyField.Malformed.self) { try strict.key(in: [key]) }
        }
        #expect(try lenient.key(in: ["k;a=1"]) == "k")
        for malformed in [
            "", " ", "a b", "a,b", "a, b", "a\"b", "a\\b", "\"k", "k;A", "k\t", "ü", ",", ";a", "k\u{7F}", "k\u{0}",
        ] {
            #expect(throws: IdempotencyKeyField.Malformed.self) { try lenient.key(in: [malformed]) }
        }
        #expect(throws: IdempotencyKeyField.Malformed.self) { try lenient.key(in: ["k", "k"]) }
    }

    @Test("What is wrong is said without what was sent")
    func noValueInErrors() {
        let secret = "s3cr3t"
        let malformed = [
            "\"\(secret)", "\(secret) \(secret)", "\"\(secret)\" \(secret)", "\"\(secret)\", \"\(secret)\"",
            "\"\(secret)\\n\"",
            "\"\(secret)\u{1}\"", "\"\(secret)\";\(secret.uppercased())", "\"\(secret)\";a=",
            "\"" + String(repeating: secret, count: 99) + "\"",
        ]
        for line in malformed {
            let error = #expect(throws: IdempotencyKeyField.Malformed.self) { try strict.key(in: [line]) }
            #expect(error?.description.contains(secret) == false)
            #expect(error?.description.contains(secret.uppercased()) == false)
        }
    }

    @Test("A key that a client writes is read as the same key")
    func writing() throws {
        for key in ["k", #"a"b\c"#, " ", "8e03978e-40d5-43e8-bc93-6894a57f9324", String(repeating: "\\", count: 255)] {
            let value = try #require(IdempotencyKeyField.value(of: key))
            #expect(try strict.key(in: [value]) == key)
        }
        for none in ["", "ü", "a\tb", String(repeating: "k", count: 256)] {
            #expect(IdempotencyKeyField.value(of: none) == nil)
        }
    }

    @Test(
        "A million generated fields: none is misread, and what is read can be written and read again",
        .timeLimit(.minutes(10))
    )
    func rubbish() throws {
        // Mostly what has a meaning, so that the parser gets far; a fixed seed, so that a failure comes again.
        let alphabet = Array(#""""\\;;==,, aAzk019*:?@%-_.()/é"#.unicodeScalars) + ["\t", "\u{0}", "\u{7F}", "\n"]
        var random = SplitMix(state: 1)
        var read = 0
        for _ in 0..<1_000_000 {
            var line = random.next() % 4 == 0 ? "" : "\""
            for _ in 0..<(random.next() % 14) {
                line.unicodeScalars.append(alphabet[Int(random.next() % UInt64(alphabet.count))])
            }
            if random.next() % 2 == 0 { line += "\"" }
            let reader = random.next() % 2 == 0 ? strict : lenient
            let found = try? reader.key(in: [line])
            // What is plain is read by a short cut, and after a space by the parser.
            guard (try? reader.key(in: [" " + line])) == found else {
                Issue.record("a space in front makes a difference: \(line.debugDescription)")
                return
            }
            guard let key = found else { continue }
            read += 1
            guard let value = IdempotencyKeyField.value(of: key), try strict.key(in: [value]) == key else {
                Issue.record("a key was read that cannot be written: \(line.debugDescription)")
                return
            }
            // By a way that shares nothing with the parser: a key's characters are those of the field, in order.
            var rest = Substring(line).unicodeScalars
            for scalar in key.unicodeScalars {
                guard let index = rest.firstIndex(of: scalar) else {
                    Issue.record("a key holds what was not sent: \(line.debugDescription)")
                    return
                }
                rest = rest[rest.index(after: index)...]
            }
        }
        #expect(read > 50_000, "too few fields were well formed to say anything: \(read)")
    }
}

/// A small generator with a seed.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
