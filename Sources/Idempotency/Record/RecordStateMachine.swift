/// The life of a record as pure functions: a record and an event give a new record, or say why not.
///
/// | event \ state      | absent  | pending, lease holds | pending, lapsed            | done  | failed, final | failed, retryable |
/// |--------------------|---------|----------------------|----------------------------|-------|---------------|-------------------|
/// | claim              | pending | in progress          | by lapse policy ¹          | done  | failed        | pending ²         |
/// | renew              | absent  | pending ³            | pending ³                  | done  | failed        | failed            |
/// | checkpoint         | absent  | pending ³            | pending ³                  | done  | failed        | failed            |
/// | restart            | absent  | pending ² ³          | pending ² ³                | done  | failed        | failed            |
/// | complete           | absent  | done ³               | done ³                     | done  | failed        | failed            |
/// | fail               | absent  | failed ³             | failed ³                   | done  | failed        | failed            |
/// | abandon            | absent  | pending, lapsed ³    | pending, lapsed ³          | done  | failed        | failed            |
/// | revoke             | failed  | in progress          | unknown                    | done  | failed        | failed, final     |
/// | settle             | absent  | in progress          | done or failed ⁴           | done  | failed        | done or failed ⁴  |
///
/// A refusal stands where the cell repeats the state. Before anything else a claim with another fingerprint is refused
/// as a mismatch. An expired record is absent: that is for the store to say.
///
/// A retryable failure whose attempts are not all known to be without effect is claimed as a lapsed record is.
///
/// ¹ `.rerun`: pending, attempt + 1. `.reconcile`: pending, to ask the hook, if the caller has one. `.refuse`: unknown.
/// The stricter of the record's and the claim's policy counts.
/// ² Attempt + 1; past the cap on attempts, failed if all are known to be without effect, as after a restart, else unknown
/// for good.
/// ³ Only by the record's claimant; wherever there is a record, anybody else is refused as "not the claimant". A record whose attempts are used up
/// takes no event at all. A claim that is given back (`fail` as never entered) goes back to what it was: retryable, or
/// unknown if only the hook was to be asked.
/// ⁴ What a person found out; "may run again" is a retryable failure, without effect. A retryable failure that is known to be
/// without effect is refused: there is nothing to find out. Attempts count anew from there on.
@available(Idempotency 0.1, *)
enum RecordStateMachine {
    /// What a claim brings along.
    struct Claim {
        var claimant: Claimant
        var fingerprint: Fingerprint?
        var lapsePolicy: LapsePolicy
        var canReconcile: Bool
        var maximumAttempts: UInt32?
        var lease: Nanoseconds
        /// How long a lapsed record is kept, where its lapse policy lets it go at all.
        var abandonmentRetention: Nanoseconds
        /// How long a record that used up its attempts is kept.
        var retention: Nanoseconds
        /// The digest of the key.
        var keyDigest: UInt64
    }

    /// What a claimant does to its own record.
    enum Event {
        case renew
        case checkpoint(Checkpoint)
        /// The reconcile hook says that the effect did not happen: the claim that asked it becomes a run.
        /// Past the cap nobody runs it any more, and it has failed.
        case restart(maximumAttempts: UInt32?, retention: Nanoseconds)
        case complete(StoredValue, retention: Nanoseconds)
        case fail(StoredFailure, retention: Nanoseconds)
        /// Nobody knows: lapsed from now on, with the reason kept.
        case abandon(UnknownReason)

        /// Whether the claimant writes nothing after it.
        var isLast: Bool {
            switch self {
            case .renew, .checkpoint, .restart: false
            case .complete, .fail, .abandon: true
            }
        }

        /// How many bytes of a value it brings along.
        var byteCount: Int {
            switch self {
            case .complete(let value, _), .fail(.final(_, let value), _): value.byteCount
            case .checkpoint(let checkpoint): checkpoint.value.byteCount
            case .renew, .restart, .fail, .abandon: 0
            }
        }

        /// The same with a tombstone for its value.
        var withoutValue: Event {
            switch self {
            case .complete(_, let retention):
                .complete(.omitted(.storeWasAway), retention: retention)
            case .fail(.final(let name, _), let retention):
                .fail(.final(name: name, value: .omitted(.storeWasAway)), retention: retention)
            case .renew, .checkpoint, .restart, .fail, .abandon: self
            }
        }
    }

    /// What a claim comes to.
    enum ClaimDecision {
        /// Write this, expecting the version that was decided upon, and run the handler.
        indirect case run(IdempotencyRecord)
        /// Write this, expecting the version that was decided upon, and ask the hook.
        indirect case reconcile(IdempotencyRecord)
        /// Write this, expecting the version that was decided upon, and report that the attempts are used up.
        indirect case exhaust(IdempotencyRecord)
        case refused(Refusal)
    }

    /// Why an event leaves the record as it is.
    enum Refusal: Equatable {
        case absent
        case fingerprintMismatch
        case inProgress
        case unknown(UnknownReason)
        case done(StoredValue)
        case failed(StoredFailure)
        case notTheClaimant
    }

    /// Decides a claim from what is stored. `nil`: nothing, or expired.
    static func claim(_ stored: StoredRecord?, _ claim: Claim) -> ClaimDecision {
        guard let stored else { return .run(firstClaim(claim)) }
        let record = stored.record
        if let kept = record.fingerprint, let asked = claim.fingerprint, kept != asked {
            return .refused(.fingerprintMismatch)
        }
        switch record.state {
        case .done(let value):
            return .refused(.done(value))
        case .failed(.retryable(let reason)):
            if record.isKnownWithoutEffect, reason != .threw { return again(stored, claim, knownWithoutEffect: true) }
            return uncertain(stored, claim, reason == .threw ? .handlerThrew : .lapsed)
        case .failed(let failure):
            return .refused(.failed(failure))
        case .pending where stored.remainingNanoseconds > 0:
            return .refused(.inProgress)
        case .pending(let reason):
            if reason == .attemptsExhausted { return .refused(.unknown(.attemptsExhausted)) }
            return uncertain(stored, claim, reason ?? .lapsed)
        }
    }

    /// Decides a claim where nobody knows whether an earlier attempt took effect: by the stricter of both policies.
    private static func uncertain(
        _ stored: StoredRecord,
        _ claim: Claim,
        _ reason: UnknownReason
    ) -> ClaimDecision {
        let record = stored.record
        switch max(record.lapsePolicy, claim.lapsePolicy) {
        case .rerun:
            return again(stored, claim, knownWithoutEffect: false)
        case .reconcile where claim.canReconcile:
            var asking = pending(record, claim, attempt: record.attemptNumber, knownWithoutEffect: false)
            // Kept, so that a question that is given back or dies leaves the key as uncertain as it was.
            asking.state = .pending(unknown: reason)
            return .reconcile(asking)
        case .reconcile, .refuse:
            return .refused(.unknown(reason))
        }
    }

    /// The record of a claim where nothing is stored.
    static func firstClaim(_ claim: Claim) -> IdempotencyRecord {
        IdempotencyRecord(
            state: .pending(unknown: nil),
            attempt: 1,
            claimant: claim.claimant,
            token: 0,
            fingerprint: claim.fingerprint,
            lapsePolicy: claim.lapsePolicy,
            isKnownWithoutEffect: true,
            lease: claim.lease,
            retention: retention(abandoned: claim, claim.lapsePolicy),
            checkpoints: [],
            keyDigest: claim.keyDigest
        )
    }

    /// Applies a claimant's event to a record. Returns why it is left as it is, if it is.
    ///
    /// In place: a record is large, and every execution ends with one.
    ///
    /// - Parameters:
    ///   - record: What is stored. `nil`: nothing, or expired.
    ///   - version: The version of what is stored.
    static func apply(
        _ event: Event,
        by claimant: Claimant,
        to record: inout IdempotencyRecord?,
        at version: RecordVersion,
        lease: Nanoseconds
    ) -> Refusal? {
        guard case .some = record else { return .absent }
        return apply(event, by: claimant, to: &record!, at: version, lease: lease)
    }

    private static func apply(
        _ event: Event,
        by claimant: Claimant,
        to record: inout IdempotencyRecord,
        at version: RecordVersion,
        lease: Nanoseconds
    ) -> Refusal? {
        guard record.claimant == claimant else { return .notTheClaimant }
        switch record.state {
        case .done(let value): return .done(value)
        case .failed(let failure): return .failed(failure)
        case .pending(.attemptsExhausted): return .unknown(.attemptsExhausted)
        case .pending: break
        }
        if record.tokenNumber == 0 { record.tokenNumber = version.rawValue }
        switch event {
        case .renew:
            record.leaseNanoseconds = lease
        case .checkpoint(let checkpoint):
            record.checkpoints.append(checkpoint)
            record.leaseNanoseconds = lease
        case .restart(let maximumAttempts?, let retention) where record.attemptNumber >= maximumAttempts:
            record.state = .failed(.attemptsExhausted)
            record.isKnownWithoutEffect = true
            finish(&record, retention)
        case .restart:
            record.state = .pending(unknown: nil)
            if record.attemptNumber < .max { record.attemptNumber += 1 }
            record.isKnownWithoutEffect = true
            record.leaseNanoseconds = lease
        case .complete(let value, let retention):
            record.state = .done(value)
            finish(&record, retention)
        case .fail(.retryable(.neverEntered), _) where record.state != .pending(unknown: nil):
            // Only a reconcile hook was to be asked: what was not known is still not known.
            record.leaseNanoseconds = 0
        case .fail(let failure, let retention):
            record.state = .failed(failure)
            if failure == .retryable(.threw) { record.isKnownWithoutEffect = false }
            // What was never entered was no attempt: it must not use up the cap.
            if failure == .retryable(.neverEntered), record.attemptNumber > 0 { record.attemptNumber -= 1 }
            finish(&record, retention)
        case .abandon(let reason):
            record.state = .pending(unknown: reason)
            record.leaseNanoseconds = 0
            record.isKnownWithoutEffect = false
        }
        return nil
    }

    /// Decides a revocation from what is stored. `nil`: nothing, or expired.
    static func revoke(
        _ stored: StoredRecord?,
        of keyDigest: UInt64,
        by claimant: Claimant,
        retention: Nanoseconds
    ) -> Result<IdempotencyRecord, EventRefused> {
        guard let stored else {
            return .success(
                IdempotencyRecord(
                    state: .failed(.revoked),
                    attempt: 0,
                    claimant: claimant,
                    token: 0,
                    fingerprint: nil,
                    lapsePolicy: .rerun,
                    isKnownWithoutEffect: true,
                    lease: 0,
                    retention: retention,
                    checkpoints: [],
                    keyDigest: keyDigest
                )
            )
        }
        var record = stored.record
        switch record.state {
        case .done(let value): return .failure(EventRefused(.done(value)))
        case .failed(.retryable):
            if record.tokenNumber == 0 { record.tokenNumber = stored.version.rawValue }
            record.state = .failed(.revoked)
            record.claimant = claimant
            finish(&record, retention)
            return .success(record)
        case .failed(let failure): return .failure(EventRefused(.failed(failure)))
        case .pending where stored.remainingNanoseconds > 0: return .failure(EventRefused(.inProgress))
        case .pending(let reason): return .failure(EventRefused(.unknown(reason ?? .lapsed)))
        }
    }

    /// A refusal in the shape that `Result` asks for.
    struct EventRefused: Error, Equatable {
        let refusal: Refusal

        init(_ refusal: Refusal) { self.refusal = refusal }
    }

    private static func again(_ stored: StoredRecord, _ claim: Claim, knownWithoutEffect: Bool) -> ClaimDecision {
        var record = stored.record
        guard let maximum = claim.maximumAttempts, record.attemptNumber >= maximum else {
            let attempt = record.attemptNumber == .max ? .max : record.attemptNumber + 1
            return .run(pending(record, claim, attempt: attempt, knownWithoutEffect: knownWithoutEffect))
        }
        record.claimant = claim.claimant
        record.isKnownWithoutEffect = knownWithoutEffect
        if knownWithoutEffect {
            record.state = .failed(.attemptsExhausted)
            finish(&record, claim.retention)
        } else {
            record.state = .pending(unknown: .attemptsExhausted)
            record.lapsePolicy = .refuse
            record.leaseNanoseconds = 0
            record.retentionNanoseconds = IdempotencyRecord.never
        }
        return .exhaust(record)
    }

    private static func pending(
        _ record: IdempotencyRecord,
        _ claim: Claim,
        attempt: UInt32,
        knownWithoutEffect: Bool
    ) -> IdempotencyRecord {
        let policy = max(record.lapsePolicy, claim.lapsePolicy)
        return IdempotencyRecord(
            state: .pending(unknown: nil),
            attempt: attempt,
            claimant: claim.claimant,
            token: 0,
            fingerprint: record.fingerprint ?? claim.fingerprint,
            lapsePolicy: policy,
            isKnownWithoutEffect: knownWithoutEffect,
            lease: claim.lease,
            retention: retention(abandoned: claim, policy),
            checkpoints: record.checkpoints,
            settlement: record.settlement,
            keyDigest: claim.keyDigest
        )
    }

    static func finish(_ record: inout IdempotencyRecord, _ retention: Nanoseconds) {
        record.leaseNanoseconds = 0
        record.retentionNanoseconds = retention
        // A retryable failure keeps its steps for the next attempt; a final answer needs them no more.
        if case .failed(.retryable) = record.state { return }
        record.checkpoints = []
    }

    /// Only under `.rerun` does a lapsed record go by itself: there, forgetting it changes nothing that was promised.
    private static func retention(abandoned claim: Claim, _ policy: LapsePolicy) -> Nanoseconds {
        policy == .rerun ? claim.abandonmentRetention : IdempotencyRecord.never
    }
}
