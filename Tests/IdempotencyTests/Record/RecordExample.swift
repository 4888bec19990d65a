@testable import Idempotency

@available(Idempotency 0.1, *)
extension Claimant {
    static let first = Claimant(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
    static let second = Claimant(high: 2, low: 2)
}

@available(Idempotency 0.1, *)
extension IdempotencyRecord {
    static let day: Nanoseconds = 86_400 * 1_000_000_000

    /// A record of which a test says only what it is about.
    static func example(
        _ state: State = .pending(unknown: nil),
        attempt: UInt32 = 1,
        claimant: Claimant = .first,
        token: UInt64 = 0,
        fingerprint: Fingerprint? = nil,
        lapsePolicy: LapsePolicy = .rerun,
        isKnownWithoutEffect: Bool = true,
        lease: Nanoseconds = 0,
        retention: Nanoseconds = day,
        checkpoints: [Checkpoint] = [],
        settlement: Settlement? = nil,
        keyDigest: UInt64 = 0
    ) -> IdempotencyRecord {
        IdempotencyRecord(
            state: state,
            attempt: attempt,
            claimant: claimant,
            token: token,
            fingerprint: fingerprint,
            lapsePolicy: lapsePolicy,
            isKnownWithoutEffect: isKnownWithoutEffect,
            lease: lease,
            retention: retention,
            checkpoints: checkpoints,
            settlement: settlement,
            keyDigest: keyDigest
        )
    }
}
