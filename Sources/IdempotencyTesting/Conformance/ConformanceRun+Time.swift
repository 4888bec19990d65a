internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    private func require(_ found: StoredRecord?, remains limit: Duration, atLeast least: Duration, _ when: String)
        throws
    {
        let remaining = found?.remaining ?? .zero
        try require(
            remaining <= limit && remaining > least,
            "\(when) \(remaining) remain; more than \(least) and at most \(limit) were expected."
        )
    }

    func remainingIsWithinTheLease() async throws {
        let key = try key()
        try await write(claim(), key, "a claim")
        for way in [store, subject.another, store, subject.another] {
            try require(try await way.load(key), remains: lease, atLeast: .zero, "Right after the write")
            let found = try await refused(.write(claim(by: 2)), key, over: nil, "a claim over a live one")
            try require(found, remains: lease, atLeast: .zero, "In the answer to a lost check")
        }
        try await advanceTime(tick * 4)
        for way in [store, subject.another] {
            try require(try await way.load(key), remains: lease - tick * 4, atLeast: .zero, "After 4 of 10 ticks")
        }
        // Not a whole number of anything that a store may count in.
        let (broken, result) = (try self.key("broken"), try self.key("result"))
        let span = tick * 7 / 4
        try await write(claim(lease: span), broken, "a claim")
        try await write(finished(retention: span), result, "a result")
        for key in [broken, result] {
            try require(try await store.load(key), remains: span, atLeast: .zero, "Right after the write")
        }
        try await advanceTime(tick * 5 / 4)
        for key in [broken, result] {
            try require(try await store.load(key), remains: tick / 2, atLeast: .zero, "After 1.25 of 1.75 ticks")
        }
    }

    func renewalStartsTheLeaseAnew() async throws {
        let key = try key()
        let version = try await write(claim(), key, "a claim")
        try await advanceTime(tick * 6)
        try await write(claim(), key, over: version, "a renewal")
        try require(try await store.load(key), remains: lease, atLeast: lease - tick * 4, "After the renewal")
        try await advanceTime(tick * 6)
        try require(try await store.load(key), remains: lease - tick * 6, atLeast: .zero, "6 ticks after the renewal")
    }

    func livePendingStays() async throws {
        let key = try key()
        let record = claim(lapsePolicy: .rerun, retention: tick)
        var version = try await write(record, key, "a claim")
        for renewal in 1...5 {
            try await advanceTime(tick * 6)
            // Whatever a store does by the way, it does now.
            try await write(claim(), try self.key("other \(renewal)"), "a claim of another key")
            try await requireThere(record, version, key)
            try await refused(.write(claim(by: 2)), key, over: nil, "a claim over one that is renewed")
            version = try await write(record, key, over: version, "renewal \(renewal)")
        }
    }

    func lapsedIsNotAbsent() async throws {
        let key = try key()
        let record = claim(lease: tick)
        let version = try await write(record, key, "a claim")
        try await advanceTime(tick * 3)
        let found = try await store.load(key)
        try require(
            found?.record == record && found?.version == version && found?.remaining == .zero,
            "two ticks after its lease a load finds \(Self.text(found))."
        )
        let known = try await refused(.write(claim(by: 2)), key, over: nil, "a claim that expects nothing")
        try require(known?.version == version && known?.remaining == .zero, "the answer says \(Self.text(known)).")
        try await write(claim(by: 2), key, over: version, "a claim that names the lapsed version")
    }

    func leaseOfZeroIsLapsedAtOnce() async throws {
        let records = [
            claim(lease: .zero), claim(unknown: .handlerThrew, lease: .zero),
            claim(lease: .zero, lapsePolicy: .rerun, retention: tick * 1000),
        ]
        for (number, record) in records.enumerated() {
            let key = try key("\(number)")
            // Given up by its claimant, as the engine does it.
            let version = try await write(record, key, over: try await write(claim(), key, "a claim"), "\(record)")
            for span in [Duration.zero, tick * 2] {
                try await advanceTime(span)
                let found = try await store.load(key)
                try require(
                    found?.record == record && found?.version == version && found?.remaining == .zero,
                    "a claim whose lease is zero was written, and \(Self.text(found)) is there."
                )
                try await refused(.write(claim(by: 2)), key, over: nil, "a claim that expects nothing")
            }
            try await write(claim(by: 2), key, over: version, "a claim that names the lapsed version")
        }
    }

    func lapsedKeepsWhatItHolds() async throws {
        let key = try key()
        let record = claim(
            lease: tick,
            attempt: 3,
            fingerprint: Fingerprint(bytes: [9]),
            checkpoints: [Checkpoint(name: "mail", value: .encoded([1])), Checkpoint(name: "book", value: .void)]
        )
        let version = try await write(record, key, "a claim")
        try await advanceTime(tick * 3)
        try await requireThere(record, version, key)
    }

    func lapsedUnderRefuseStaysForEver() async throws {
        let key = try key()
        let record = claim(lease: tick)
        let version = try await write(record, key, "a claim")
        for _ in 1...4 {
            try await advanceTime(tick * 5)
            try await write(
                finished(retention: tick),
                try self.key("other \(UInt64.random(in: 0...UInt64.max))"),
                "a write"
            )
            try await requireThere(record, version, key)
        }
    }

    func abandonedGoesAfterItsRetention() async throws {
        let key = try key()
        let record = claim(lease: tick * 4, lapsePolicy: .rerun, retention: tick * 6)
        let version = try await write(record, key, "a claim")
        // The second time after its retention, had that begun with the write.
        for span in [tick * 5, tick * 3] {
            try await advanceTime(span)
            try await requireThere(record, version, key)
        }
        try await advanceTime(tick * 4)
        try await requireAbsent(key, "Two ticks after its retention")
        try await write(claim(by: 2), key, "a claim of a forgotten key")
    }

    func finishedAnswersUntilItsRetentionEnds() async throws {
        let key = try key()
        let record = finished(retention: tick * 6)
        let version = try await write(record, key, "a finished record")
        try await advanceTime(tick * 3)
        try await requireThere(record, version, key)
        try require(try await store.load(key), remains: tick * 3, atLeast: .zero, "After 3 of 6 ticks")
        try await refused(.write(claim()), key, over: nil, "a claim over a finished record")
    }

    func expiredIsAbsentOnEveryPath() async throws {
        let keys = try (1...4).map { try key("k-\($0)") }
        var versions: [RecordVersion] = []
        for key in keys { versions.append(try await write(finished(retention: tick), key, "a finished record")) }
        try await advanceTime(tick * 3)
        // Each path on a key of its own, so that none profits from what another swept.
        try await requireAbsent(keys[0], "Two ticks after its retention")
        try await write(claim(), keys[1], "a claim of an expired key")
        var found = try await refused(.write(finished()), keys[2], over: versions[2], "a write over an expired version")
        try require(found == nil, "the answer says \(Self.text(found)).")
        found = try await refused(.remove, keys[3], over: versions[3], "a removal of an expired version")
        try require(found == nil, "the answer says \(Self.text(found)).")
    }

    func spansOfEveryLengthHold() async throws {
        let tenYears = Duration.seconds(10 * 366 * 86400)
        let long = [
            claim(lease: tenYears, lapsePolicy: .rerun, retention: tenYears), claim(lease: tenYears),
            finished(retention: tenYears), finished(retention: .nanoseconds(Int64.max)),
        ]
        var there: [(IdempotencyKey, IdempotencyRecord, RecordVersion)] = []
        for (number, record) in long.enumerated() {
            let key = try key("long-\(number)")
            there.append((key, record, try await write(record, key, "\(record), for ten years and more")))
        }
        let microsecond = Duration.microseconds(1)
        let lapsed = try key("lapsed")
        let record = claim(lease: microsecond)
        there.append((lapsed, record, try await write(record, lapsed, "a claim for a microsecond")))
        let (expired, abandoned) = (try key("expired"), try key("abandoned"))
        try await write(finished(retention: microsecond), expired, "a result for a microsecond")
        let short = claim(lease: microsecond, lapsePolicy: .rerun, retention: microsecond)
        try await write(short, abandoned, "a claim for a microsecond, and kept for another")
        try await advanceTime(tick)
        for (key, record, version) in there { try await requireThere(record, version, key) }
        for (key, record, _) in there.dropLast() {
            let span = record.isPending ? record.lease : record.retention ?? .nanoseconds(Int64.max)
            let found = try await store.load(key)
            try require(found, remains: span, atLeast: min(span, tenYears) - tick * 10, "After a tick of \(span)")
        }
        let remaining = try await store.load(lapsed)?.remaining
        try require(remaining == .zero, "a tick after a lease of a microsecond \(remaining ?? .zero) remain.")
        for key in [expired, abandoned] { try await requireAbsent(key, "A tick after a retention of a microsecond") }
    }

    func spansSurviveReopening() async throws {
        guard let reopen = subject.reopen else { return }
        let (live, result) = (try key("live"), try key("result"))
        let version = try await write(claim(), live, "a claim")
        try await write(finished(retention: lease), result, "a result")
        try await advanceTime(tick * 4)
        let store = try await reopen()
        for key in [live, result] {
            let found = try await store.load(key)
            try require(found, remains: lease - tick * 4, atLeast: .zero, "After 4 of 10 ticks and a restart")
        }
        try await advanceTime(tick * 8)
        let lapsed = try await store.load(live)
        try require(
            lapsed?.version == version && lapsed?.remaining == .zero,
            "two ticks after its lease, with a restart in it, a load finds \(Self.text(lapsed))."
        )
        let found = try await store.load(result)
        try require(found == nil, "two ticks after its retention a load finds \(Self.text(found)).")
    }
}
