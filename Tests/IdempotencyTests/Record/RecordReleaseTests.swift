import Testing

@testable import Idempotency

/// A claim given back before its handler was entered must leave the key as uncertain as it found it.
@Suite("Giving back a claim that took over")
struct RecordReleaseTests {
    private func claim(_ policy: LapsePolicy, cap: UInt32? = nil) -> RecordStateMachine.Claim {
        RecordStateMachine.Claim(
            claimant: .second,
            fingerprint: nil,
            lapsePolicy: policy,
            canReconcile: policy == .reconcile,
            maximumAttempts: cap,
            lease: 600,
            abandonmentRetention: 7000,
            retention: 8000,
            keyDigest: 0
        )
    }

    private func stored(_ record: IdempotencyRecord, remaining: Nanoseconds) -> StoredRecord {
        StoredRecord(version: RecordSituation.version, record: record, remainingNanoseconds: remaining)
    }

    private let release = RecordStateMachine.Event.fail(.retryable(.neverEntered), retention: 8000)

    @Test("Under .reconcile, a released question leaves the outcome unknown: nobody runs before the hook was asked")
    func reconcile() {
        let lapsed = stored(.example(lapsePolicy: .reconcile, lease: 30, retention: .max), remaining: 0)
        guard case .reconcile(let asking) = RecordStateMachine.claim(lapsed, claim(.reconcile)),
            case .success(let released) = RecordStateMachine.apply(
                release,
                by: .second,
                to: stored(asking, remaining: 600),
                lease: 600
            )
        else {
            Issue.record("not asked, or not released")
            return
        }
        let next = RecordStateMachine.claim(stored(released, remaining: 0), claim(.reconcile))
        if case .run = next { Issue.record("the handler runs a second time without the hook having been asked") }
        #expect(released.isPending)
        #expect(released.attempt == 1)
    }

    @Test("A record whose attempts are used up for good is not opened again by its last claimant")
    func exhausted() {
        let lapsed = stored(.example(attempt: 3, lease: 30), remaining: 0)
        guard case .exhaust(let spent) = RecordStateMachine.claim(lapsed, claim(.rerun, cap: 3)) else {
            Issue.record("not exhausted")
            return
        }
        let outcome = RecordStateMachine.apply(release, by: .second, to: stored(spent, remaining: 0), lease: 600)
        #expect(throws: RecordStateMachine.EventRefused.self) { try outcome.get() }
        #expect(!spent.isKnownWithoutEffect)
    }
}
