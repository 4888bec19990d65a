import Idempotency
import IdempotencyHTTP
import IdempotencyInMemory
import Testing

/// What a release keeps, the next one has to find: a change of any of these texts is a second run for every key that is kept.
@Suite("Stored form of requests")
struct StoredFormTests {
    private func admitted(
        by service: Service,
        key: String = "k-1",
        target: String,
        principal: String = "alice"
    ) async throws -> AdmittedRequest {
        let field = HeaderField("Idempotency-Key", "\"\(key)\"")
        let request = IdempotentRequest(method: "POST", target: target, route: "/refunds/{id}", fields: [field])
        let admission = try await service.rules.admit(request, principal: { _ in principal })
        guard case .admitted(let admitted) = admission else { throw NotAdmitted() }
        return admitted
    }

    private struct NotAdmitted: Error {}

    @Test("Scope and key of a request, and the digests (computed with Python's hashlib) for what is too long")
    func key() async throws {
        let service = try Service()
        let key = try await admitted(by: service, target: "/refunds/17?fast=1").key
        #expect(key.scope.text == "POST %2frefunds%2f{id};principal=alice")
        #expect(key.value == "k-1:/refunds/17")
        let long = try await admitted(by: service, key: String(repeating: "k", count: 255), target: "/refunds/17").key
        #expect(long.value == "sha256 251a50fa58fc9f0d6ef302a3d5955c7cb62b9d16e9c8de727919dc531a51d214")
        let sender = String(repeating: "a", count: 300)
        let digest = "sha256 dc1a27fc85539ae152d698a74d8f1548edb30c070876f6a1b28ddef11447054f"
        #expect(try await admitted(by: service, target: "/refunds/17", principal: sender).key.scope.principal == digest)
    }

    @Test("The fingerprint of a request, with a query and a body and without, in one piece and in several")
    func fingerprint() async throws {
        func digest(_ target: String, _ body: some Collection<UInt8>) async throws -> String? {
            let service = try Service()
            let admitted = try await admitted(by: service, target: target)
            _ = try await admitted.respond(body: body) { _ in
                HandlerResponse((), status: 201, fields: [], body: [])
            }
            let record = try await service.records.load(admitted.key)?.record
            return record?.fingerprint?.digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        let body = Array(#"{"amount":5}"#.utf8)
        let whole = "9b4f77bcac511b65acfcf021edbf2209c42d93c468d23eeeaa8de56b33f0671d"
        #expect(try await digest("/refunds/17?fast=1", body) == whole)
        // What has no bytes in a row.
        #expect(try await digest("/refunds/17?fast=1", AnyCollection(body.lazy.map { $0 })) == whole)
        let empty = "22d4751d67d4c58f8878eca94be7524cf110347477d7ee416e15cc116bfa66e7"
        #expect(try await digest("/refunds/17", []) == empty)
        #expect(try await digest("/refunds/17", AnyCollection([])) == empty)
    }
}
