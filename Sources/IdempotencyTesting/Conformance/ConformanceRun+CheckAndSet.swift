internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    func claimsAbsentKey() async throws {
        let key = try key()
        try await requireAbsent(key, "Before anything was written")
        let record = claim(fingerprint: Fingerprint(bytes: [1, 2]))
        let version = try await write(record, key, "a claim of an absent key")
        try require(version.rawValue > 0, "the version is zero.")
        try await requireThere(record, version, key)
    }

    func lostCheckTellsWhatIsThere() async throws {
        for record in [claim(), finished(), finished(.failed(.retryable(.threw)))] {
            let key = try key("\(record.isPending)-\(record.state == finished().state)")
            let version = try await write(record, key, "the first write")
            let found = try await refused(.write(claim(by: 2)), key, over: nil, "a claim over \(record)")
            try require(
                found?.record == record && found?.version == version && found?.remaining ?? .zero > .zero,
                "\(record) in version \(version) is there, and the answer says \(Self.text(found))."
            )
        }
    }

    func staleVersionChangesNothing() async throws {
        let key = try key()
        let first = try await write(claim(), key, "a claim")
        let done = finished()
        let second = try await write(done, key, over: first, "a finish over the claim's version")
        for change in [RecordChange.write(claim(by: 2)), .remove] {
            let found = try await refused(change, key, over: first, "a change that expects an older version")
            try require(found?.version == second, "the answer says \(Self.text(found)).")
            let later = RecordVersion(rawValue: second.rawValue + 1)
            try await refused(change, key, over: later, "a change that expects a version yet to come")
        }
        try await requireThere(done, second, key)
    }

    func expectedVersionNeverCreates() async throws {
        let never = try key("never")
        let some = RecordVersion(rawValue: 1)
        var found = try await refused(.write(claim()), never, over: some, "a write that expects a version of nothing")
        try require(found == nil, "the answer says \(Self.text(found)).")
        try await requireAbsent(never, "After it")

        let removed = try key("removed")
        let version = try await write(claim(), removed, "a claim")
        _ = try await remove(removed, over: version)
        found = try await refused(.write(finished()), removed, over: version, "a finish of a removed record")
        try require(found == nil, "the answer says \(Self.text(found)).")

        let expired = try key("expired")
        let old = try await write(finished(retention: tick), expired, "a finished record")
        try await advanceTime(tick * 2)
        found = try await refused(.write(finished()), expired, over: old, "a write over an expired version")
        try require(found == nil, "the answer says \(Self.text(found)).")
        try await requireAbsent(expired, "After it")
    }

    func repeatedWriteIsRecognizable() async throws {
        let key = try key()
        var expected: RecordVersion?
        let writes = [("claim", claim(by: 42)), ("renewal", claim(by: 42, attempt: 2)), ("finish", finished())]
        for (what, mine) in writes {
            let version = try await write(mine, key, over: expected, "a \(what)")
            let found = try await refused(.write(mine), key, over: expected, "the same \(what), sent again,")
            try require(
                found?.record == mine && found?.version == version,
                "the \(what) in version \(version) was sent again, and the answer says \(Self.text(found))."
            )
            try await requireThere(mine, version, key)
            expected = version
        }
    }

    func removalNeedsTheVersion() async throws {
        let key = try key()
        let version = try await write(claim(), key, "a claim")
        try await refused(.remove, key, over: nil, "a removal that expects nothing, where something is,")
        try await requireThere(claim(), version, key)
        _ = try await remove(key, over: version)
        try await requireAbsent(key, "After its removal")
        let found = try await refused(.remove, key, over: version, "a second removal")
        try require(found == nil, "the answer says \(Self.text(found)).")
        try await write(claim(by: 2), key, "a claim of a removed key")
    }

    func cancelledCallsHarmNobody() async throws {
        for number in 1...32 as ClosedRange<UInt64> {
            let key = try key("\(number)")
            let record = claim(by: number, checkpoints: [Checkpoint(name: "mail", value: .encoded([1, 2, 3]))])
            let call = Task {
                // Every other call begins cancelled; the others are cancelled at some moment or other.
                if number.isMultiple(of: 2) { withUnsafeCurrentTask { $0?.cancel() } }
                return try await store.checkAndSet(key, expecting: nil, .write(record))
            }
            for _ in 0..<number { await Task.yield() }
            call.cancel()
            let answer = try? await call.value
            if case .stored(let version)? = answer { try await requireThere(record, version, key) }
            try await takeOver(key, record)
        }
    }

    /// Claims a key that holds this record or none: a cancelled call that threw may be made late.
    private func takeOver(_ key: IdempotencyKey, _ record: IdempotencyRecord) async throws {
        let next = claim(by: 0, attempt: 2)
        var found = try await subject.another.load(key)
        for _ in 1...100 {
            try require(
                found == nil || found?.record == record,
                "a claim was cancelled, and \(Self.text(found)) is there, which nobody wrote."
            )
            switch try await subject.another.checkAndSet(key, expecting: found?.version, .write(next)) {
            case .stored(let version): return try await requireThere(next, version, key)
            case .conflict(let other): found = other
            }
        }
        throw ConformanceViolation(check: check, message: "a key whose claim was cancelled cannot be claimed.")
    }
}
