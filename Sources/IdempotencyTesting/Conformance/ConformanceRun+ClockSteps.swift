internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// How far clocks are set: further than any lease here lasts.
    private var step: Duration { tick * 20 }

    func versionsGrowAcrossStepsOfTheClock() async throws {
        guard let stepClock = subject.stepClock else { return }
        let (written, removed, expired) = (try key("written"), try key("removed"), try key("expired"))
        var last: [IdempotencyKey: RecordVersion] = [:]

        func note(_ version: RecordVersion, of key: IdempotencyKey, _ what: String) throws {
            try requireGrowth(version, last[key] ?? RecordVersion(rawValue: 0), "after a step of the clock \(what)")
            last[key] = version
        }
        for (round, span) in [Duration.zero, step * -1, step * -1, step, step * -1].enumerated() {
            try await stepClock(span)
            try note(try await write(claim(), written, over: last[written], "a renewal"), of: written, "a renewal")
            let claimed = try await write(claim(), removed, "a claim of a removed key")
            try note(claimed, of: removed, "a claim of a removed key")
            try note(try await remove(removed, over: claimed), of: removed, "a removal")
            // What was expired may be there again.
            let found = try await store.load(expired)
            if let found { try require(found.version == last[expired], "what came back has another version.") }
            let result = try await write(finished(retention: tick), expired, over: found?.version, "a result")
            try note(result, of: expired, "a write of an expired key")
            try await advanceTime(tick * 2)
            if round.isMultiple(of: 2) { try await purgeAll() }
        }
        guard let reopen = subject.reopen else { return }
        try await stepClock(step * -1)
        let store = try await reopen()
        for key in [written, removed, expired] {
            let found = try await store.load(key)
            let version = try await write(claim(), key, over: found?.version, in: store, "a write after a restart")
            try note(version, of: key, "and a restart, a write")
        }
    }

    func claimSurvivesAStepBack() async throws {
        guard let stepClock = subject.stepClock else { return }
        let (live, renewed, lapsed) = (try key("live"), try key("renewed"), try key("lapsed"))
        let record = claim(fingerprint: Fingerprint(bytes: [9]), checkpoints: [Checkpoint(name: "mail", value: .void)])
        let short = claim(lease: tick)
        let gone = try await write(short, lapsed, "a claim")
        let stale = try await write(record, renewed, "a claim")
        let version = try await write(record, live, "a claim")
        let newest = try await write(record, renewed, over: stale, "a renewal")
        try await advanceTime(tick * 3)
        try await stepClock(step * -1)
        try await purgeAll()
        for (key, version) in [(live, version), (renewed, newest)] {
            try await requireThere(record, version, key)
            try requireHolds(try await store.load(key), "After a step back")
            let found = try await refused(.write(claim(by: 2)), key, over: nil, "after a step back a claim")
            try requireHolds(found, "In the answer to a lost check")
        }
        try await refused(.write(claim(by: 2)), renewed, over: stale, "after a step back a claim upon an older version")
        try await refused(.remove, renewed, over: stale, "after a step back a removal of an older version")
        let found = try await store.load(lapsed)
        try require(
            found?.record == short && found?.version == gone && (found?.remaining ?? lease) <= tick,
            "after a step back \(Self.text(found)) is there, where a lapsed claim was."
        )
        try await write(record, renewed, over: newest, "a renewal after a step back")
        try requireHolds(try await store.load(renewed), "After a renewal after a step back")
        try await advanceTime(lease / 2)
        try requireHolds(try await store.load(renewed), "Half a lease after that renewal")
        // By then the clock has gone past both leases again.
        try await advanceTime(step + lease + tick * 2)
        for key in [live, renewed] {
            let over = try await store.load(key)
            try require(
                over?.record == record && over?.remaining == .zero,
                "when the clock has gone past a lease again \(Self.text(over)) is there."
            )
        }
    }

    private func requireHolds(_ found: StoredRecord?, _ when: String) throws {
        let remaining = found?.remaining ?? .zero
        try require(
            remaining > .zero && remaining <= lease,
            "\(when) \(remaining) of a lease of \(lease) remain; more than nothing and no more than all was expected."
        )
    }

    func finishedSurvivesAStepBack() async throws {
        guard let stepClock = subject.stepClock else { return }
        let key = try key()
        let record = finished(retention: lease)
        let version = try await write(record, key, over: try await write(claim(), key, "a claim"), "a finish")
        try await advanceTime(tick * 2)
        try await stepClock(step * -1)
        try await purgeAll()
        try await requireThere(record, version, key)
        try requireHolds(try await store.load(key), "After a step back")
        let found = try await refused(.write(claim()), key, over: nil, "after a step back a claim of a finished key")
        try requireHolds(found, "In the answer to a lost check")
        try await advanceTime(step + lease)
        try await requireAbsent(key, "When the clock has gone past its retention again")
    }

    func listingSurvivesAStepBack() async throws {
        guard let stepClock = subject.stepClock, listable != nil else { return }
        let keys = try (0..<6).map { try key("\($0)") }
        for (number, key) in keys.enumerated() {
            try await write(number.isMultiple(of: 2) ? claim() : finished(retention: lease), key, "a record")
        }
        try await stepClock(step * -1)
        try await requireListed(keys, by: mine(), limit: 4, "After a step back")
        try await requireListed(keys, by: mine([.inProgress, .done]), "In progress or done, after a step back")
        for listed in try await list(mine()) {
            try require(listed.age >= .zero, "after a step back an age of \(listed.age) is listed.")
            try requireHolds(listed.stored, "In a listing after a step back")
        }
    }

    func ageAloneTakesNothingAway() async throws {
        guard let stepClock = subject.stepClock else { return }
        let year = Duration.seconds(366 * 86400)
        let steps = [Checkpoint(name: "mail", value: .encoded([1]))]
        let staying = [
            claim(lease: tick, checkpoints: steps), claim(lease: tick, lapsePolicy: .reconcile),
            claim(unknown: .handlerThrew, lease: .zero), claim(unknown: .attemptsExhausted, lease: .zero),
            claim(lease: year * 9), finished(retention: .nanoseconds(Int64.max)),
        ]
        let going = [
            finished(retention: year * 9), finished(.failed(.revoked), retention: year * 9),
            claim(lease: tick, lapsePolicy: .rerun, retention: year * 9),
        ]
        var there: [(IdempotencyKey, IdempotencyRecord, RecordVersion)] = []
        for (number, record) in (staying + going).enumerated() {
            let key = try key("\(number)")
            there.append((key, record, try await write(record, key, "\(record)")))
        }
        // Six years and a half, with whatever a store does by the way, on each path.
        for span in [.seconds(3600), .seconds(86400), .seconds(40 * 86400), year, year * 5] {
            try await stepClock(span)
            try await write(finished(retention: tick), try key("other \(span)"), "a write")
            try await purgeAll()
            for (key, record, version) in there {
                try await requireThere(record, version, key)
                try await refused(.write(claim(by: 2)), key, over: nil, "after \(span) a claim that expects nothing")
            }
        }
        try await stepClock(year * 3)
        for (key, record, version) in there.prefix(staying.count) { try await requireThere(record, version, key) }
        for (key, record, _) in there.suffix(going.count) {
            try await requireAbsent(key, "After a retention of nine years, of \(record),")
        }
        try await stepClock(year * -9 - .seconds(41 * 86400 + 3600))
    }

    func pendingSurvivesAStepForward() async throws {
        guard let stepClock = subject.stepClock else { return }
        let record = claim(attempt: 3, checkpoints: [Checkpoint(name: "mail", value: .encoded([1]))])
        let kept = claim(lapsePolicy: .rerun, retention: tick * 1000)
        var there: [(IdempotencyKey, IdempotencyRecord, RecordVersion)] = []
        for (number, record) in [record, kept, record, kept].enumerated() {
            let key = try key("\(number)")
            there.append((key, record, try await write(record, key, "a claim")))
        }
        let result = try key("result")
        let version = try await write(finished(), result, "a result")
        for span in [step, step * 10] {
            try await stepClock(span)
            try await write(finished(retention: tick), try key("other \(span)"), "a write")
            try await purgeAll()
            for (key, record, version) in there {
                try await requireThere(record, version, key)
                let found = try await refused(.write(claim(by: 2)), key, over: nil, "a claim that expects nothing")
                try require(found?.remaining == .zero, "after a step forward \(Self.text(found)) is there.")
            }
            try await requireThere(finished(), version, result)
        }
        for (key, _, version) in there.prefix(2) {
            try await write(claim(by: 2), key, over: version, "after a step forward a takeover")
        }
        try await stepClock(step * -11)
        for (key, record, version) in there.suffix(2) { try await requireThere(record, version, key) }
    }
}
