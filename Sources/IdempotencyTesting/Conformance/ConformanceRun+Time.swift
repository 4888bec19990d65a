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
        for _ in 1...5 {
            try require(try await store.load(key), remains: lease, atLeast: .zero, "Right after the write")
            let found = try await refused(.write(claim(by: 2)), key, over: nil, "a claim over a live one")
            try require(found, remains: lease, atLeast: .zero, "In the answer to a lost check")
        }
        try await subject.advanceTime(tick * 4)
        try require(try await store.load(key), remains: lease - tick * 4, atLeast: .zero, "After 4 of 10 ticks")
    }

    func renewalStartsTheLeaseAnew() async throws {
        let key = try key()
        let version = try await write(claim(), key, "a claim")
        try await subject.advanceTime(tick * 6)
        try await write(claim(), key, over: version, "a renewal")
        try require(try await store.load(key), remains: lease, atLeast: lease - tick * 4, "After the renewal")
        try await subject.advanceTime(tick * 6)
        try require(try await store.load(key), remains: lease - tick * 6, atLeast: .zero, "6 ticks after the renewal")
    }

    func livePendingStays() async throws {
        let key = try key()
        let record = claim(lapsePolicy: .rerun, retention: tick)
        var version = try await write(record, key, "a claim")
        for renewal in 1...5 {
            try await subject.advanceTime(tick * 6)
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
        try await subject.advanceTime(tick * 3)
        let found = try await store.load(key)
        try require(
            found?.record == record && found?.version == version && found?.remaining == .zero,
            "two ticks after its lease a load finds \(Self.text(found))."
        )
        let known = try await refused(.write(claim(by: 2)), key, over: nil, "a claim that expects nothing")
        try require(known?.version == version && known?.remaining == .zero, "the answer says \(Self.text(known)).")
        try await write(claim(by: 2), key, over: version, "a claim that names the lapsed version")
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
        try await subject.advanceTime(tick * 3)
        try await requireThere(record, version, key)
    }

    func lapsedUnderRefuseStaysForEver() async throws {
        let key = try key()
        let record = claim(lease: tick)
        let version = try await write(record, key, "a claim")
        for _ in 1...4 {
            try await subject.advanceTime(tick * 5)
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
        let record = claim(lease: tick * 2, lapsePolicy: .rerun, retention: tick * 6)
        let version = try await write(record, key, "a claim")
        try await subject.advanceTime(tick * 4)
        try await requireThere(record, version, key)
        try await subject.advanceTime(tick * 6)
        try await requireAbsent(key, "Two ticks after its retention")
        try await write(claim(by: 2), key, "a claim of a forgotten key")
    }

    func finishedAnswersUntilItsRetentionEnds() async throws {
        let key = try key()
        let record = finished(retention: tick * 6)
        let version = try await write(record, key, "a finished record")
        try await subject.advanceTime(tick * 3)
        try await requireThere(record, version, key)
        try require(try await store.load(key), remains: tick * 3, atLeast: .zero, "After 3 of 6 ticks")
        try await refused(.write(claim()), key, over: nil, "a claim over a finished record")
    }

    func expiredIsAbsentOnEveryPath() async throws {
        let keys = try (1...4).map { try key("k-\($0)") }
        var versions: [RecordVersion] = []
        for key in keys { versions.append(try await write(finished(retention: tick), key, "a finished record")) }
        try await subject.advanceTime(tick * 3)
        // Each path on a key of its own, so that none profits from what another swept.
        try await requireAbsent(keys[0], "Two ticks after its retention")
        try await write(claim(), keys[1], "a claim of an expired key")
        var found = try await refused(.write(finished()), keys[2], over: versions[2], "a write over an expired version")
        try require(found == nil, "the answer says \(Self.text(found)).")
        found = try await refused(.remove, keys[3], over: versions[3], "a removal of an expired version")
        try require(found == nil, "the answer says \(Self.text(found)).")
    }
}
