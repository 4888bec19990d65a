import Testing

@testable import Idempotency

/// The row "claim" of the table in `RecordStateMachine`, cell by cell.
@Suite("What a claim comes to, in every state")
struct RecordClaimTests {
    /// The columns: the claim's lapse policy, without and with a hook.
    static let columns: [(policy: LapsePolicy, canReconcile: Bool)] = [
        (.rerun, false), (.rerun, true), (.reconcile, false), (.reconcile, true), (.refuse, false), (.refuse, true),
    ]

    static let table = WordTable(
        """
        absent                  | new     new     new     new     new     new
        live                    | busy    busy    busy    busy    busy    busy
        lapsed .rerun           | again   again   unknown ask     unknown unknown
        lapsed .reconcile       | unknown ask     unknown ask     unknown unknown
        lapsed .refuse          | unknown unknown unknown unknown unknown unknown
        unknown for good        | never   never   never   never   never   never
        done                    | done    done    done    done    done    done
        failed, final           | failed  failed  failed  failed  failed  failed
        revoked                 | failed  failed  failed  failed  failed  failed
        exhausted               | failed  failed  failed  failed  failed  failed
        retryable: didNotHappen | again   again   again   again   again   again
        retryable: neverEntered | again   again   again   again   again   again
        retryable: threw        | again   again   again   again   again   again
        """
    )

    static let asked: [Fingerprint?] = [nil, RecordSituation.kept, Fingerprint(bytes: [2])]
    static let caps: [UInt32?] = [nil, 1, 3, 4, .max]

    private func claim(
        _ column: (policy: LapsePolicy, canReconcile: Bool),
        _ fingerprint: Fingerprint?,
        _ cap: UInt32?
    ) -> RecordStateMachine.Claim {
        RecordStateMachine.Claim(
            claimant: .second,
            fingerprint: fingerprint,
            lapsePolicy: column.policy,
            canReconcile: column.canReconcile,
            maximumAttempts: cap,
            lease: 600,
            abandonmentRetention: 7000,
            retention: 8000,
            keyDigest: 0
        )
    }

    @Test("The table names every state and no other")
    func complete() {
        #expect(Self.table.names == Set(RecordSituation.all.map(\.description)))
    }

    @Test("Every cell of the table, for every fingerprint and cap on attempts")
    func everyCell() throws {
        var wrong: [String] = []
        for situation in RecordSituation.all {
            for (index, column) in Self.columns.enumerated() {
                let word = try #require(Self.table[situation.description, index])
                for fingerprint in Self.asked {
                    for cap in Self.caps {
                        let claim = claim(column, fingerprint, cap)
                        let decision = RecordStateMachine.claim(situation.stored, claim)
                        if Plain(decision) != expected(word, situation, claim) {
                            wrong.append("\(situation), \(claim): \(decision)")
                        }
                    }
                }
            }
        }
        #expect(wrong.count == 0, "\(wrong.count) cells, the first: \(wrong.first ?? "")")
    }

    /// A decision that can be compared.
    private enum Plain: Equatable {
        case run(IdempotencyRecord), reconcile(IdempotencyRecord), exhaust(IdempotencyRecord)
        case refused(RecordStateMachine.Refusal)

        init(_ decision: RecordStateMachine.ClaimDecision) {
            switch decision {
            case .run(let record): self = .run(record)
            case .reconcile(let record): self = .reconcile(record)
            case .exhaust(let record): self = .exhaust(record)
            case .refused(let refusal): self = .refused(refusal)
            }
        }
    }

    private func expected(_ word: String, _ situation: RecordSituation, _ claim: RecordStateMachine.Claim) -> Plain? {
        guard let record = situation.stored?.record else {
            guard word == "new" else { return nil }
            return .run(
                .example(
                    attempt: 1,
                    claimant: .second,
                    token: 0,
                    fingerprint: claim.fingerprint,
                    lapsePolicy: claim.lapsePolicy,
                    isKnownWithoutEffect: true,
                    lease: 600,
                    retention: claim.lapsePolicy == .rerun ? 7000 : .max
                )
            )
        }
        // Before anything else, in every state.
        if record.fingerprint != nil, let asked = claim.fingerprint, asked != RecordSituation.kept {
            return .refused(.fingerprintMismatch)
        }
        switch (word, record.state) {
        case ("busy", _): return .refused(.inProgress)
        case ("done", .done(let value)): return .refused(.done(value))
        case ("failed", .failed(let failure)): return .refused(.failed(failure))
        case ("unknown", .pending(let reason)): return .refused(.unknown(reason ?? .lapsed))
        case ("never", _): return .refused(.unknown(.attemptsExhausted))
        case ("again", .failed(.retryable(let reason))) where reason == .threw || !record.isKnownWithoutEffect:
            // Nobody knows what the last attempt did: as a lapsed record, by the stricter of both policies.
            let unknown: UnknownReason = reason == .threw ? .handlerThrew : .lapsed
            switch max(record.lapsePolicy, claim.lapsePolicy) {
            case .rerun: return again(record, claim)
            case .reconcile where claim.canReconcile:
                var next = taken(record, claim)
                next.state = .pending(unknown: unknown)
                next.isKnownWithoutEffect = false
                return .reconcile(next)
            case .reconcile, .refuse: return .refused(.unknown(unknown))
            }
        case ("again", _): return again(record, claim)
        case ("ask", .pending(let reason)):
            var next = taken(record, claim)
            next.state = .pending(unknown: reason ?? .lapsed)
            next.isKnownWithoutEffect = false
            return .reconcile(next)
        default: return nil
        }
    }

    private func again(_ record: IdempotencyRecord, _ claim: RecordStateMachine.Claim) -> Plain {
        let wasWithoutEffect =
            switch record.state {
            case .failed(.retryable(.didNotHappen)), .failed(.retryable(.neverEntered)): record.isKnownWithoutEffect
            default: false
            }
        if let cap = claim.maximumAttempts, record.attemptNumber >= cap {
            var spent = record
            spent.claimant = .second
            spent.leaseNanoseconds = 0
            if wasWithoutEffect {
                spent.state = .failed(.attemptsExhausted)
                spent.retentionNanoseconds = 8000
                spent.checkpoints = []
            } else {
                spent.state = .pending(unknown: .attemptsExhausted)
                spent.isKnownWithoutEffect = false
                spent.lapsePolicy = .refuse
                spent.retentionNanoseconds = .max
            }
            return .exhaust(spent)
        }
        var next = taken(record, claim)
        next.attemptNumber += 1
        next.isKnownWithoutEffect = wasWithoutEffect
        return .run(next)
    }

    /// The record as a new claim leaves it: what it had is kept, what is the claim's is the claim's.
    private func taken(_ record: IdempotencyRecord, _ claim: RecordStateMachine.Claim) -> IdempotencyRecord {
        let policy = record.lapsePolicy > claim.lapsePolicy ? record.lapsePolicy : claim.lapsePolicy
        return .example(
            attempt: record.attemptNumber,
            claimant: .second,
            token: 0,
            fingerprint: record.fingerprint ?? claim.fingerprint,
            lapsePolicy: policy,
            lease: 600,
            retention: policy == .rerun ? 7000 : .max,
            checkpoints: record.checkpoints
        )
    }

    @Test("The attempt does not overflow")
    func attemptLimit() throws {
        var situation = IdempotencyRecord.example(.failed(.retryable(.threw)), attempt: .max)
        situation.checkpoints = []
        let stored = StoredRecord(version: RecordSituation.version, record: situation, remaining: .seconds(1))
        guard case .run(let next) = RecordStateMachine.claim(stored, claim(Self.columns[0], nil, nil)) else {
            Issue.record("not run again")
            return
        }
        #expect(next.attemptNumber == .max)
    }

    @Test("One nanosecond of lease is a lease: a record is taken over only from zero on")
    func lastNanosecond() {
        let record = IdempotencyRecord.example(lease: 30)
        for (remaining, isLapsed) in [(Nanoseconds(1), false), (0, true), (-1, true)] {
            let stored = StoredRecord(version: RecordSituation.version, record: record, remainingNanoseconds: remaining)
            let decision = Plain(RecordStateMachine.claim(stored, claim(Self.columns[0], nil, nil)))
            #expect((decision == .refused(.inProgress)) == !isLapsed)
        }
    }
}
