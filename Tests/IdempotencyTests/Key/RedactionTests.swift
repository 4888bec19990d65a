import Testing

@testable import Idempotency

@Suite("Nothing shows a value, a tenant, a principal, a payload or a result")
struct RedactionTests {
    static let value = "value-4111"
    static let tenant = "tenant-acme"
    static let principal = "principal-jane"
    static let payload = "payload-iban"

    /// What must not be found: the texts, the bytes as an array is printed, and the digest of the payload.
    static let secrets: [String] = {
        let texts = [value, tenant, principal, payload]
        let printedBytes = texts.map { "\(Array($0.utf8))".dropFirst().dropLast() }.map(String.init)
        let digest = Fingerprint(bytes: Array(payload.utf8)).digest
        return texts + printedBytes + [Hex.text(digest), "\(digest)".dropFirst().dropLast().description]
    }()

    static func key() throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope("charge", tenant: tenant, principal: principal), value: value)
    }

    static func everything() throws -> [(name: String, subject: Any)] {
        let key = try key()
        let bytes = Array(payload.utf8)
        let values: [StoredValue] = [.bytes(bytes), .encoded(bytes)]
        var subjects: [(name: String, subject: Any)] = [
            ("key", key), ("scope", key.scope), ("sub-key", try key.derived(for: "bank")),
            ("fingerprint of bytes", Fingerprint(bytes: bytes)),
            ("composed key", try IdempotencyKey(scope: key.scope, composing: value, tenant)),
            ("execution", IdempotentExecution(unprotected: key)),
        ]
        for value in values {
            let states: [IdempotencyRecord.State] = [.done(value), .failed(.final(name: "declined", value: value))]
            subjects.append(("value", value))
            subjects.append(("checkpoint", Checkpoint(name: "step", value: value)))
            for state in states {
                let record = IdempotencyRecord.example(
                    state,
                    fingerprint: Fingerprint(bytes: bytes),
                    checkpoints: [Checkpoint(name: "step", value: value)]
                )
                let stored = StoredRecord(version: RecordVersion(rawValue: 1), record: record, remaining: .seconds(1))
                subjects += [
                    ("state", state), ("record", record), ("stored record", stored),
                    ("change", RecordChange.write(record)), ("conflict", CheckAndSetResult.conflict(stored)),
                ]
            }
            subjects.append(
                (
                    "error",
                    IdempotencyError.leaseLost(AttachedResult(value: value, codec: JSONIdempotencyCodec()), of: nil)
                )
            )
            let cause = IdempotencyError(code: .brokenStore, message: "m", cause: Careless(text: payload))
            subjects.append(("error with a cause", cause))
        }
        let event = IdempotencyEvent(
            .failed,
            key,
            state: .failed,
            attempt: 1,
            duration: .seconds(1),
            error: Careless(text: payload)
        )
        subjects.append(("event", event))
        subjects.append(("finding", SettlementFinding.done(payload)))
        subjects.append(("query", RecordQuery(operation: "charge", tenant: Self.tenant, principal: Self.principal)))
        subjects.append(("settlement", try Settlement(id: "incident-1", settledBy: Self.principal)))
        return subjects
    }

    /// An error as other code writes it.
    struct Careless: Error { let text: String }

    struct Holder<Subject> {
        let subject: Subject
        let list: [Subject]
        let maybe: Subject?
    }

    static func shown<Subject>(_ subject: Subject) -> [String] {
        var dumped = ""
        dump(subject, to: &dumped)
        var texts = ["\(subject)", String(describing: subject), String(reflecting: subject), dumped]
        walk(Mirror(reflecting: subject), into: &texts, depth: 0)
        return texts
    }

    static func walk(_ mirror: Mirror, into texts: inout [String], depth: Int) {
        guard depth < 12 else { return }
        for child in mirror.children {
            texts += [child.label ?? "", "\(child.value)", String(reflecting: child.value)]
            walk(Mirror(reflecting: child.value), into: &texts, depth: depth + 1)
        }
        if let parent = mirror.superclassMirror { walk(parent, into: &texts, depth: depth + 1) }
    }

    private func expectSilence<Subject>(_ name: String, _ subject: Subject) {
        let texts = Self.shown(subject) + Self.shown(Holder(subject: subject, list: [subject], maybe: subject))
        for secret in Self.secrets {
            #expect(!texts.contains { $0.contains(secret) }, "\(name) shows a secret")
        }
    }

    @Test("Descriptions, reflections, mirrors and dumps of every type are silent, alone and inside others")
    func silence() throws {
        for (name, subject) in try Self.everything() {
            func open<Subject>(_ subject: Subject) { expectSilence(name, subject) }
            open(subject)
        }
        expectSilence("key as a dictionary's", [try Self.key(): 1])
    }

    @Test("The check itself finds a secret in a type that shows one")
    func sensitivity() {
        for leak in [Self.value, Self.tenant, Self.principal, Self.payload] {
            let byBytes = Self.shown(Array(leak.utf8)).contains { text in Self.secrets.contains { text.contains($0) } }
            let byText = Self.shown(Careless(text: leak)).contains { text in Self.secrets.contains { text.contains($0) }
            }
            #expect(byBytes && byText)
        }
    }

    @Test("What is shown still tells what it is")
    func usefulness() throws {
        let key = try Self.key()
        #expect("\(key)" == "IdempotencyKey(charge, 10 bytes)")
        #expect("\(key.scope)" == "charge")
        #expect(key.reference.count == 16)
        #expect("\(Fingerprint(bytes: [1]))" == "Fingerprint(sha256)")
        #expect("\(StoredValue.encoded([1, 2, 3]))" == "encoded(3)")
        #expect("\(StoredValue.omitted(.tooLarge))" == "omitted(tooLarge)")
        #expect("\(IdempotencyRecord.example(.done(.bytes([1, 2])), attempt: 2))" == "done, attempt 2, bytes(2)")
        #expect("\(IdempotencyRecord.example(.pending(unknown: .lapsed)))" == "pending, attempt 1, unknown: lapsed")
        let settled = IdempotencyRecord.example(
            .done(.void),
            token: 41,
            checkpoints: [Checkpoint(name: "mail", value: .void)],
            settlement: try Settlement(id: "incident-1", settledBy: "alice")
        )
        #expect("\(settled)" == "done, attempt 1, void, token 41, steps: 1, settlement incident-1")
        #expect(
            "\(IdempotencyRecord.example(.failed(.final(name: "declined", value: .void))))"
                == "failed, attempt 1, declined, void"
        )
        #expect("\(IdempotencyError.fingerprintMismatch)".hasPrefix("IdempotencyError(fingerprintMismatch): This key"))
        let caused = IdempotencyError(code: .brokenStore, message: "It broke.", cause: Careless(text: "x"))
        #expect("\(caused)" == "IdempotencyError(brokenStore): It broke. [cause: Careless]")
    }

    @Test("A request that cannot be encoded is not shown by the error about it")
    func unencodable() throws {
        struct Request: Encodable {
            func encode(to encoder: any Encoder) throws {
                throw EncodingError.invalidValue(
                    RedactionTests.payload,
                    .init(codingPath: [], debugDescription: RedactionTests.payload)
                )
            }
        }
        let error = #expect(throws: IdempotencyError.self) { try Fingerprint(of: Request()) }
        expectSilence("error about a request", try #require(error))
    }

    @Test("A kept result that cannot be decoded is not shown by the error about it")
    func undecodable() throws {
        let kept = StoredValue.encoded(Array("\"\(Self.payload)\"".utf8))
        let error = #expect(throws: IdempotencyError.self) {
            try ResultKeeping.restore(Int.self, from: kept, with: JSONIdempotencyCodec())
        }
        expectSilence("error about a result", try #require(error))
    }
}
