import Testing

@testable import Idempotency

/// The row "settle" of the table in `RecordStateMachine`, cell by cell.
@Suite("What a settlement by hand comes to, in every state")
struct RecordSettleTests {
    static let findings: [IdempotencyRecord.State] = [
        .done(.encoded([7])), .done(.void), .failed(.final(name: "declined", value: .bytes([9]))),
        .failed(.retryable(.didNotHappen)),
    ]

    /// `unknown unless ok`: settled, unless every attempt is known to be without effect.
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
                let outcome = RecordStateMachine.settle(stored, as: finding, by: settlement, retention: 8000)
                if outcome != expected(word, finding, stored.record) {
                    wrong.append("\(situation), \(finding): \(outcome)")
                }
            }
        }
        #expect(wrong.count == 0, "\(wrong.count) cells, the first: \(wrong.first ?? "")")
    }

    private func expected(
        _ word: String,
        _ finding: IdempotencyRecord.State,
        _ record: IdempotencyRecord
    ) -> Result<IdempotencyRecord, RecordStateMachine.EventRefused> {
        func refused(_ refusal: RecordStateMachine.Refusal) -> Result<
            IdempotencyRecord, RecordStateMachine.EventRefused
        > {
            .failure(RecordStateMachine.EventRefused(refusal))
        }
        switch (word, record.state) {
        case ("busy", _): return refused(.inProgress)
        case ("done", .done(let value)): return refused(.done(value))
        case ("failed", .failed(let failure)): return refused(.failed(failure))
        case ("uncertain", .failed(let failure)) where record.isKnownWithoutEffect: return refused(.failed(failure))
        default: break
        }
        let runsAgain = finding == .failed(.retryable(.didNotHappen))
        var next = record
        if record.tokenNumber == 0 { next.tokenNumber = RecordSituation.version.rawValue }
        next.state = finding
        next.claimant = settlement.claimant
        next.settlement = settlement
        (next.leaseNanoseconds, next.retentionNanoseconds) = (0, 8000)
        if runsAgain {
            next.isKnownWithoutEffect = true
            if word == "settled", record.state == .pending(unknown: .attemptsExhausted) {
                next.attemptNumber = 0
                next.lapsePolicy = .rerun
            }
        } else {
            next.checkpoints = []
        }
        return .success(next)
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
