/// One call as the engine sees it, without its types.
@available(Idempotency 0.1, *)
struct Call: Sendable {
    let key: IdempotencyKey
    let fingerprint: Fingerprint?
    let policy: OperationPolicy

    var scope: IdempotencyScope { key.scope }

    var canReconcile: Bool {
        if case .reconcile = policy.lapse { true } else { false }
    }

    func claim(by claimant: Claimant) -> RecordStateMachine.Claim {
        RecordStateMachine.Claim(
            claimant: claimant,
            fingerprint: fingerprint,
            lapsePolicy: policy.lapse.recorded,
            canReconcile: canReconcile,
            maximumAttempts: policy.maximumAttempts.map { UInt32(clamping: $0) },
            lease: policy.leaseNanoseconds,
            abandonmentRetention: policy.abandonmentNanoseconds,
            retention: policy.retentionNanoseconds,
            keyDigest: key.digest
        )
    }
}
