import Testing

@testable import Idempotency

/// The row "settle" of the table in `RecordStateMachine`, cell by cell.
@Suite("What a settlement by hand comes to, in every state")
struct RecordSettleTests {
    static let findings: [IdempotencyRecord.State] = [
        .done(.encoded([7])), .done(.void), .failed(.final(name: "declined", value: .bytes([9]))),
        .failed(.retryable(.didNotHappen)),
    ]

    /// "uncertain": settled, unless every attempt is known to be without effect.
    static let table = WordTable(
        """
        live                    | busy
        lapsed .rerun           | settled
        lapsed .reconcile       | settled
        lapsed .refuse          | settled
        unknown for good        | settled
        done                    | done
        failed, final           | failed
        revoked                 | failed
        exhausted               | failed
        retryable: didNotHappen | uncertain
        retryable: neverEntered | uncertain
        retryable: threw        | settled
        """
    )

    private let settlement = try! Settlement(id: "incident-1", settledBy: "alice")

    @Test("Every cell of the table, for every finding")
    func everyCell() throws {
        #expect(Self.table.names.union(["absent"]) == Set(RecordSituation.all.map(\.description)))
        var wrong: [String] = []
        for situation in RecordSituation.all {
            guard let stored = situation.stored else { continue }
            let word = try #require(Self.table[situation.description, 0])
            for finding in Self.findings {
                let decision = RecordStateMachine.settle(stored, request(finding))
                if decision != expected(word, finding, stored.record) {
                    wrong.append("\(situation), \(finding): \(decision)")
                }
                // Another version than the one looked at, whatever it is.
                #expect(RecordStateMachine.settle(stored, request(finding, version: 76)) == .changed)
            }
        }
        #expect(wrong.count == 0, "\(wrong.count) cells, the first: \(wrong.first ?? "")")
    }

    private func request(
        _ finding: IdempotencyRecord.State,
        version: UInt64 = RecordSituation.version.rawValue,
        by settlement: Settlement? = nil
    ) -> RecordStateMachine.SettlementRequest {
        RecordStateMachine.SettlementRequest(
            version: RecordVersion(rawValue: version),
            state: finding,
            settlement: settlement ?? self.settlement,
            retention: 8000
        )
    }

    private func expected(
        _ word: String,
        _ finding: IdempotencyRecord.State,
        _ record: IdempotencyRecord
    ) -> RecordStateMachine.SettlementDecision {
        switch (word, record.state) {
        case ("settled", _): break
        case ("uncertain", _) where !record.isKnownWithoutEffect: break
        default: return .notUnknown
        }
        var next = record
        if record.tokenNumber == 0 { next.tokenNumber = RecordSituation.version.rawValue }
        next.state = finding
        next.claimant = settlement.claimant
        next.settlement = settlement
        (next.leaseNanoseconds, next.retentionNanoseconds) = (0, 8000)
        if finding == .failed(.retryable(.didNotHappen)) {
            next.isKnownWithoutEffect = true
            next.attemptNumber = 0
            if record.state == .pending(unknown: .attemptsExhausted) { next.lapsePolicy = .rerun }
        } else {
            next.checkpoints = []
        }
        return .settle(next)
    }

    @Test("A settlement that stands is confirmed, and goes when it would have gone; its id serves nothing else")
    func repetition() throws {
        let unknown = IdempotencyRecord.example(.pending(unknown: .lapsed), token: 41, lapsePolicy: .refuse)
        let stored = StoredRecord(version: RecordSituation.version, record: unknown, remainingNanoseconds: 0)
        let bob = try Settlement(id: "incident-1", settledBy: "bob")
        for finding in Self.findings {
            guard case .settle(let settled) = RecordStateMachine.settle(stored, request(finding)) else {
                Issue.record("not settled")
                return
            }
            let after = StoredRecord(version: RecordVersion(rawValue: 78), record: settled, remainingNanoseconds: 5000)
            var confirmed = settled
            confirmed.retentionNanoseconds = 5000
            for version in [77, 78] as [UInt64] {
                #expect(RecordStateMachine.settle(after, request(finding, version: version)) == .confirm(confirmed))
                for other in Self.findings where other != finding {
                    let decision = RecordStateMachine.settle(after, request(other, version: version))
                    #expect(decision == .idUsedBefore)
                }
                let another = request(finding, version: version, by: bob)
                #expect(RecordStateMachine.settle(after, another) == .idUsedBefore)
            }
        }
    }

    @Test("Once a settled key is claimed again, its id says nothing of what came after")
    func claimedSince() {
        var record = IdempotencyRecord.example(.failed(.retryable(.threw)), claimant: .second, settlement: settlement)
        let runAgain = Self.findings[3]
        for (version, remaining) in [(78, 5), (78, 0)] as [(UInt64, Nanoseconds)] {
            let stored = StoredRecord(
                version: RecordVersion(rawValue: version),
                record: record,
                remainingNanoseconds: remaining
            )
            #expect(RecordStateMachine.settle(stored, request(runAgain, version: 77)) == .alreadySettled)
            #expect(RecordStateMachine.settle(stored, request(runAgain, version: 78)) == .idUsedBefore)
        }
        record.state = .done(.void)
        let done = StoredRecord(version: RecordSituation.version, record: record, remainingNanoseconds: 5)
        #expect(RecordStateMachine.settle(done, request(runAgain)) == .alreadySettled)
    }

    @Test("A settlement's claimant is nobody's claim, the same when repeated, and another for another id")
    func claimant() throws {
        let again = try Settlement(id: "incident-1", settledBy: "bob")
        let other = try Settlement(id: "incident-2", settledBy: "alice")
        #expect(settlement.claimant == again.claimant)
        #expect(settlement.claimant != other.claimant)
        #expect(settlement != again)
    }

    @Test(
        "A settlement needs an id and a name that can be kept",
        arguments: ["", "a\u{7}b", String(repeating: "x", count: 256)]
    )
    func validation(_ text: String) throws {
        for make in [{ try Settlement(id: text, settledBy: "alice") }, { try Settlement(id: "i", settledBy: text) }] {
            let error = try #require(throws: IdempotencyError.self) { try make() }
            #expect(error.code == .invalidSettlement)
        }
        #expect("\(settlement)".contains("alice") == false)
    }
}
