/// A record that a store writes and removes to find out whether a claim would be possible.
///
/// Larger than most records, so that a store without room shows it. Kept for a minute where it cannot be removed.
@available(Idempotency 0.1, *)
package struct StoreProbe: Sendable {
    package let key: IdempotencyKey
    package let record: IdempotencyRecord

    /// A probe of a fresh key.
    package init() {
        let number = UInt64.random(in: .min ... .max)
        // Short and plain, so that they cannot be refused.
        let scope = try! IdempotencyScope("idempotency-check")
        key = try! IdempotencyKey(scope: scope, value: String(number, radix: 36))
        record = IdempotencyRecord(
            state: .done(.bytes([UInt8](repeating: 0, count: 16_384))),
            attempt: 1,
            claimant: Claimant(high: 0, low: number),
            token: 0,
            fingerprint: nil,
            lapsePolicy: .rerun,
            isKnownWithoutEffect: true,
            lease: 0,
            retention: 60_000_000_000,
            checkpoints: []
        )
    }
}
