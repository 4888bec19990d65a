import Testing

@testable import Idempotency

/// The rows from "renew" to "revoke" of the table in `RecordStateMachine`, cell by cell.
@Suite("What a claimant's event comes to, in every state")
struct RecordEventTests {
    static let final = StoredFailure.final(name: "declined", value: .bytes([9]))
    static let result = StoredValue.encoded([7])
    static let step = Checkpoint(name: "mail", value: .encoded([8]))

    /// The columns.
    static let events: [RecordStateMachine.Event] = [
        .renew, .checkpoint(step), .restart(maximumAttempts: nil, retention: 8000),
        .restart(maximumAttempts: 1, retention: 8000),
        .complete(result, retention: 8000), .fail(final, retention: 8000),
        .fail(.retryable(.didNotHappen), retention: 8000), .fail(.retryable(.neverEntered), retention: 8000),
        .fail(.retryable(.threw), retention: 8000), .abandon(.lapsed), .abandon(.handlerThrew),
        .abandon(.notReconciled),
        .abandon(.attemptsExhausted), .fail(.revoked, retention: 8000), .fail(.attemptsExhausted, retention: 8000),
    ]

    static let applied = "ok ok ok ok ok ok ok ok ok ok ok ok ok ok ok"
    static let table = WordTable(
        """
        absent                  | \(columns("absent"))
        live                    | \(applied)
        lapsed .rerun           | \(applied)
        lapsed .reconcile       | \(applied)
        lapsed .refuse          | \(applied)
        unknown for good        | \(columns("spent"))
        done                    | \(columns("done"))
        failed, final           | \(columns("failed"))
        revoked                 | \(columns("failed"))
        exhausted               | \(columns("failed"))
        retryable: didNotHappen | \(columns("failed"))
        retryable: neverEntered | \(columns("failed"))
        retryable: threw        | \(columns("failed"))
        """
    )

    private static func columns(_ word: String) -> String {
        events.map { _ in word }.joined(separator: " ")
    }

    private typealias Outcome = Result<IdempotencyRecord, RecordStateMachine.EventRefused>

    private func refused(_ refusal: RecordStateMachine.Refusal) -> Outcome {
        .failure(RecordStateMachine.EventRefused(refusal))
    }

    @Test("The table names every state and no other")
    func complete() {
        #expect(Self.table.names == Set(RecordSituation.all.map(\.description)))
    }

    @Test("Every cell of the table, for the record's claimant")
    func everyCell() throws {
        var wrong: [String] = []
        for situation in RecordSituation.all {
            for (index, event) in Self.events.enumerated() {
                let word = try #require(Self.table[situation.description, index])
                let outcome = RecordStateMachine.apply(event, by: .first, to: situation.stored, lease: 600)
                if outcome != expected(word, event, situation.stored?.record) {
                    wrong.append("\(situation), \(event): \(outcome)")
                }
            }
        }
        #expect(wrong.count == 0, "\(wrong.count) cells, the first: \(wrong.first ?? "")")
    }

    private func expected(_ word: String, _ event: RecordStateMachine.Event, _ record: IdempotencyRecord?) -> Outcome? {
        guard let record else { return word == "absent" ? refused(.absent) : nil }
        switch (word, record.state) {
        case ("done", .done(let value)): return refused(.done(value))
        case ("failed", .failed(let failure)): return refused(.failed(failure))
        case ("spent", .pending): return refused(.unknown(.attemptsExhausted))
        case ("ok", .pending): break
        default: return nil
        }
        var next = record
        // The claim's own write has no token: from the next write on, the record carries that write's version.
        if record.tokenNumber == 0 { next.tokenNumber = RecordSituation.version.rawValue }
        switch event {
        case .renew:
            next.leaseNanoseconds = 600
        case .checkpoint:
            next.leaseNanoseconds = 600
            next.checkpoints = record.checkpoints + [Self.step]
        case .restart(1?, _):
            next.state = .failed(.attemptsExhausted)
            next.isKnownWithoutEffect = true
            next.checkpoints = []
            (next.leaseNanoseconds, next.retentionNanoseconds) = (0, 8000)
        case .restart:
            next.leaseNanoseconds = 600
            next.state = .pending(unknown: nil)
            next.attemptNumber = record.attemptNumber + 1
            next.isKnownWithoutEffect = true
        case .complete:
            next.state = .done(Self.result)
            next.checkpoints = []
            (next.leaseNanoseconds, next.retentionNanoseconds) = (0, 8000)
        case .fail(.retryable(.neverEntered), _) where record.state != .pending(unknown: nil):
            next.leaseNanoseconds = 0
        case .fail(let failure, _):
            next.state = .failed(failure)
            (next.leaseNanoseconds, next.retentionNanoseconds) = (0, 8000)
            switch failure {
            case .retryable(.threw): next.isKnownWithoutEffect = false
            case .retryable(.neverEntered): next.attemptNumber = record.attemptNumber - 1
            case .retryable(.didNotHappen): break
            default: next.checkpoints = []
            }
        case .abandon(let reason):
            next.state = .pending(unknown: reason)
            next.leaseNanoseconds = 0
            next.isKnownWithoutEffect = false
        }
        return .success(next)
    }

    @Test("Nobody but the claimant changes a record, in any state, by any event")
    func strangers() {
        var wrong: [String] = []
        for situation in RecordSituation.all where situation.stored != nil {
            for event in Self.events {
                for stranger in [Claimant.second, Claimant(high: Claimant.first.high, low: 0)] {
                    let outcome = RecordStateMachine.apply(event, by: stranger, to: situation.stored, lease: 600)
                    if outcome != refused(.notTheClaimant) { wrong.append("\(situation), \(event): \(outcome)") }
                }
            }
        }
        #expect(wrong.count == 0, "\(wrong.count) times, first: \(wrong.first ?? "")")
    }

    @Test("A restart runs again below the cap on attempts, and fails the record at it")
    func restartCap() throws {
        let record = IdempotencyRecord.example(attempt: 2)
        let stored = StoredRecord(version: RecordSituation.version, record: record, remainingNanoseconds: 1)
        for (cap, isSpent) in [(UInt32(1), true), (2, true), (3, false), (.max, false)] {
            let restart = RecordStateMachine.Event.restart(maximumAttempts: cap, retention: 8000)
            let next = try RecordStateMachine.apply(restart, by: .first, to: stored, lease: 600).get()
            #expect((next.state == .failed(.attemptsExhausted)) == isSpent)
            #expect(next.isPending == !isSpent)
            #expect(next.attempt == (isSpent ? 2 : 3))
        }
    }

    static let revocations = WordTable(
        """
        absent                  | revoked
        live                    | busy
        lapsed .rerun           | unknown
        lapsed .reconcile       | unknown
        lapsed .refuse          | unknown
        unknown for good        | unknown
        done                    | done
        failed, final           | failed
        revoked                 | failed
        exhausted               | failed
        retryable: didNotHappen | revoked
        retryable: neverEntered | revoked
        retryable: threw        | revoked
        """
    )

    @Test("A revocation in every state, by anybody")
    func revocation() throws {
        #expect(Self.revocations.names == Set(RecordSituation.all.map(\.description)))
        for situation in RecordSituation.all {
            for claimant in [Claimant.first, .second] {
                let outcome = RecordStateMachine.revoke(situation.stored, of: 0, by: claimant, retention: 8000)
                let word = try #require(Self.revocations[situation.description, 0])
                #expect(outcome == revoked(word, situation.stored?.record, claimant), "\(situation)")
            }
        }
    }

    private func revoked(_ word: String, _ record: IdempotencyRecord?, _ claimant: Claimant) -> Outcome? {
        switch (word, record?.state) {
        case ("revoked", nil):
            return .success(.example(.failed(.revoked), attempt: 0, claimant: claimant, retention: 8000))
        case ("revoked", .failed):
            guard var next = record else { return nil }
            if next.tokenNumber == 0 { next.tokenNumber = RecordSituation.version.rawValue }
            next.state = .failed(.revoked)
            next.claimant = claimant
            next.checkpoints = []
            (next.leaseNanoseconds, next.retentionNanoseconds) = (0, 8000)
            return .success(next)
        case ("busy", .pending): return refused(.inProgress)
        case ("unknown", .pending(let reason)): return refused(.unknown(reason ?? .lapsed))
        case ("done", .done(let value)): return refused(.done(value))
        case ("failed", .failed(let failure)): return refused(.failed(failure))
        default: return nil
        }
    }
}
