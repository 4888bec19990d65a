import Testing

@testable import Idempotency

/// Random lives of a record, checked against the invariants of the design rather than against the table.
@Suite("Whatever happens to a record")
struct RecordWalkTests {
    /// A store of one key, and what an observer of its writes knows.
    private struct Walk {
        var random: SplitMix64
        var version: UInt64 = 100
        var stored: StoredRecord?
        var claimants: [Claimant] = []
        /// Whether an attempt may have had an effect that nobody has ruled out since.
        var isTainted = false
        var tokens: [UInt64] = []
        var finalRecord: IdempotencyRecord?
        var kinds: Set<String> = []
        var wrong: [String] = []

        init(seed: UInt64) { random = SplitMix64(seed: seed) }

        mutating func require(_ condition: Bool, _ rule: String) {
            if !condition { wrong.append(rule) }
        }

        mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &random)! }

        mutating func write(_ record: IdempotencyRecord, _ kind: String) {
            version += UInt64.random(in: 1...3, using: &random)
            let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
            stored = StoredRecord(
                version: RecordVersion(rawValue: version),
                record: record,
                remainingNanoseconds: span
            )
            kinds.insert(kind)
        }

        mutating func step() {
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1, 2: claim()
            case 3: lapse()
            case 4: revoke()
            default: event()
            }
        }

        mutating func lapse() {
            guard let now = stored, now.record.isPending else { return }
            stored = StoredRecord(version: now.version, record: now.record, remainingNanoseconds: 0)
        }

        mutating func claim() {
            let claimant = Claimant(high: random.next(), low: random.next())
            let claim = RecordStateMachine.Claim(
                claimant: claimant,
                fingerprint: pick([nil, Fingerprint(bytes: [1]), Fingerprint(bytes: [2])]),
                lapsePolicy: pick([.rerun, .rerun, .reconcile, .refuse]),
                canReconcile: pick([true, false]),
                maximumAttempts: pick([nil, nil, 3]),
                lease: 600,
                abandonmentRetention: 7000,
                retention: 8000,
                keyDigest: 0
            )
            let before = stored
            switch RecordStateMachine.claim(stored, claim) {
            case .run(let record), .reconcile(let record):
                if let before, before.record.isPending || before.record.state == .failed(.retryable(.threw)) {
                    isTainted = true
                }
                write(record, before == nil ? "first claim" : "takeover")
                require(
                    record.claimant == claimant && record.token == nil && record.isPending,
                    "a claim is its claimant's"
                )
                require(
                    before.map { !$0.record.isPending || $0.remainingNanoseconds == 0 } != false,
                    "only what is absent, failed or lapsed is claimed"
                )
                claimants.append(claimant)
                tokens.append(version)
            case .exhaust(let record):
                if before?.record.isPending == true { isTainted = true }
                // Its claimant runs nothing, and writes no more.
                write(record, "exhausted")
            case .refused:
                kinds.insert("refused claim")
            }
        }

        mutating func event() {
            guard !claimants.isEmpty else { return }
            let claimant = pick([pick(claimants), claimants[claimants.count - 1]])
            let event: RecordStateMachine.Event = pick([
                .renew, .checkpoint(Checkpoint(name: "\(version)", value: .void)),
                .restart(maximumAttempts: pick([nil, 3]), retention: 8000),
                .complete(.encoded([1]), retention: 8000), .fail(.final(name: "f", value: .void), retention: 8000),
                .fail(.retryable(.didNotHappen), retention: 8000), .fail(.retryable(.threw), retention: 8000),
                .abandon(.handlerThrew),
            ])
            let before = stored
            guard case .success(let record) = RecordStateMachine.apply(event, by: claimant, to: stored, lease: 600)
            else { return }
            require(
                claimant == before?.record.claimant && before?.record.isPending == true,
                "only its claimant changes a pending record"
            )
            if case .restart = event { isTainted = false }
            if case .abandon = event { isTainted = true }
            if record.state == .failed(.retryable(.threw)) { isTainted = true }
            write(record, "event")
        }

        mutating func revoke() {
            let claimant = Claimant(high: random.next(), low: 0)
            guard Int.random(in: 0..<5, using: &random) == 0,
                case .success(let record) = RecordStateMachine.revoke(stored, of: 0, by: claimant, retention: 8000)
            else { return }
            write(record, "revocation")
        }

        /// What must hold after each step, seen from what was there before it.
        mutating func check(since before: StoredRecord?) {
            guard let now = stored?.record else { return }
            if let finalRecord { require(now == finalRecord, "a final record never changes") }
            switch now.state {
            case .done, .failed(.final), .failed(.revoked), .failed(.attemptsExhausted): finalRecord = now
            case .pending, .failed(.retryable): break
            }
            // `RecordReleaseTests` says what is wrong with records whose attempts are used up.
            if now.state != .pending(unknown: .attemptsExhausted) {
                require(now.isKnownWithoutEffect == !isTainted, "no possible effect is forgotten")
            }
            if let token = now.token, let last = tokens.last {
                require(token.rawValue == last, "the token is the version of the last claim")
            }
            guard let before = before?.record else { return }
            if let fingerprint = before.fingerprint {
                require(now.fingerprint == fingerprint, "a fingerprint never changes")
            }
            require(now.lapsePolicy >= before.lapsePolicy, "a lapse policy only becomes stricter")
            require(
                now.attemptNumber >= before.attemptNumber && now.attemptNumber <= before.attemptNumber + 1,
                "attempts count up by one"
            )
            if now.lapsePolicy != .rerun, now.isPending {
                require(now.retention == nil, "what is not run again stays for ever")
            }
            if !now.isPending {
                require(now.leaseNanoseconds == 0 && now.retentionNanoseconds == 8000, "a finished record has no lease")
            }
        }
    }

    @Test("Final records and fingerprints never change, tokens follow the claims, and no effect is forgotten")
    func invariants() {
        var kinds: Set<String> = []
        for seed in 0..<600 as Range<UInt64> {
            var walk = Walk(seed: seed)
            for _ in 0..<40 {
                let before = walk.stored
                walk.step()
                walk.check(since: before)
                #expect(walk.wrong.isEmpty, "seed \(seed)")
                if !walk.wrong.isEmpty { return }
            }
            kinds.formUnion(walk.kinds)
        }
        #expect(kinds == ["first claim", "takeover", "exhausted", "refused claim", "event", "revocation"])
    }
}
