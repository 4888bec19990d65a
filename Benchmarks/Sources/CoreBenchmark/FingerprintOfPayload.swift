import Figures
import Foundation
import Idempotency

/// Fingerprints of a small request. The raw limit is the SHA-256 of its JSON, which is there already.
struct FingerprintOfPayload {
    private struct ChargeRequest: Encodable {
        var account: String
        var amount: Int
        var currency: String
        var note: String?
    }

    func run() async throws {
        let count = Effort.operations(20_000)
        let request = ChargeRequest(account: "DE-4711-0815", amount: 1250, currency: "EUR", note: "order 7")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = [UInt8](try encoder.encode(request))
        let digest = try Fingerprint(of: request).digest
        precondition(Fingerprint(bytes: bytes).digest == digest)
        try await Pair.measure("fingerprint of a small request", per: count) {
            var last: Fingerprint?
            return (
                raw: {
                    for _ in 0..<count { last = Fingerprint(bytes: bytes) }
                    precondition(last?.digest == digest)
                },
                ours: {
                    for _ in 0..<count { last = try Fingerprint(of: request) }
                    precondition(last?.digest == digest)
                }
            )
        }
    }
}
