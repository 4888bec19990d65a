internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// Lets 64 tasks write at once over one version, by both ways, and requires that one of them does.
    private func race(
        _ key: IdempotencyKey,
        over expected: RecordVersion?,
        _ record: @escaping @Sendable (UInt64) -> IdempotencyRecord
    ) async throws {
        let answers = try await withThrowingTaskGroup(of: (UInt64, CheckAndSetResult).self) { group in
            for task in 1...64 as ClosedRange<UInt64> {
                let way = task.isMultiple(of: 2) ? subject.another : store
                group.addTask { (task, try await way.checkAndSet(key, expecting: expected, .write(record(task)))) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        var winners: [(UInt64, RecordVersion)] = []
        var seen: [StoredRecord?] = []
        for (task, answer) in answers {
            switch answer {
            case .stored(let version): winners.append((task, version))
            case .conflict(let found): seen.append(found)
            }
        }
        try require(winners.count == 1, "\(winners.count) of 64 were stored.")
        let (winner, version) = winners[0]
        for found in seen {
            try require(
                found?.record == record(winner) && found?.version == version,
                "task \(winner) won with version \(version), and another was told of \(Self.text(found))."
            )
        }
        try await requireThere(record(winner), version, key)
    }

    func oneWinnerOfAnAbsentKey() async throws {
        for round in 1...20 { try await race(try key("\(round)"), over: nil) { claim(by: $0) } }
    }

    func oneWinnerOfALapsedClaim() async throws {
        var lapsed: [(IdempotencyKey, RecordVersion)] = []
        for round in 1...10 {
            let key = try key("\(round)")
            lapsed.append((key, try await write(claim(by: 0, lease: tick), key, "a claim")))
        }
        try await subject.advanceTime(tick * 3)
        for (key, version) in lapsed { try await race(key, over: version) { claim(by: $0, attempt: 2) } }
    }

    func oneWinnerOfAnExpiredKey() async throws {
        let keys = try (1...10).map { try key("\($0)") }
        for key in keys { try await write(finished(retention: tick), key, "a finished record") }
        try await subject.advanceTime(tick * 3)
        for key in keys { try await race(key, over: nil) { claim(by: $0) } }
    }

    func noUpdateIsLost() async throws {
        let key = try key()
        let first = try await write(claim(attempt: 1), key, "a claim")
        let writers = 8
        let updates = 25
        // Each writer goes on from what the answer to its lost check says, as the engine does.
        let versions = try await withThrowingTaskGroup(of: [RecordVersion].self) { group in
            for writer in 1...writers {
                let way = writer.isMultiple(of: 2) ? subject.another : store
                group.addTask {
                    var known = StoredRecord(version: first, record: claim(attempt: 1), remaining: lease)
                    var written: [RecordVersion] = []
                    while written.count < updates {
                        let next = claim(by: UInt64(writer), attempt: UInt32(known.record.attempt + 1))
                        switch try await way.checkAndSet(key, expecting: known.version, .write(next)) {
                        case .stored(let version):
                            written.append(version)
                            known = StoredRecord(version: version, record: next, remaining: lease)
                        case .conflict(let found):
                            guard let found else {
                                throw ConformanceViolation(check: check, message: "the record vanished meanwhile.")
                            }
                            known = found
                        }
                    }
                    return written
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        try require(Set(versions).count == versions.count, "two of \(versions.count) writes have one version.")
        let attempt = try await store.load(key)?.record.attempt ?? 0
        try require(
            attempt == writers * updates + 1,
            "\(writers * updates) updates were stored, and \(attempt - 1) of them can be seen."
        )
    }

    func manyKeysAtOnce() async throws {
        let keys = try (0..<256).map { try key("\($0)") }
        let versions = try await withThrowingTaskGroup(of: (Int, RecordVersion).self) { group in
            for (index, key) in keys.enumerated() {
                group.addTask {
                    let version = try await write(claim(by: UInt64(index)), key, "claim \(index)")
                    return (index, try await write(finished(token: UInt64(index + 1)), key, over: version, "finish"))
                }
            }
            return try await group.reduce(into: [Int: RecordVersion]()) { $0[$1.0] = $1.1 }
        }
        for (index, key) in keys.enumerated() {
            try await requireThere(finished(token: UInt64(index + 1)), versions[index]!, key)
        }
    }

    func loadSeesEveryAcknowledgedWrite() async throws {
        let key = try key()
        var version: RecordVersion?
        for number in 1...100 as ClosedRange<UInt32> {
            let (writes, reads) = number.isMultiple(of: 2) ? (store, subject.another) : (subject.another, store)
            let record = claim(attempt: number)
            let next = try await write(record, key, over: version, in: writes, "write \(number)")
            try await requireThere(record, next, key, in: reads)
            version = next
        }
    }

    func reopeningLosesNothing() async throws {
        guard let reopen = subject.reopen else { return }
        var expected: [(IdempotencyKey, IdempotencyRecord, RecordVersion)] = []
        for number in 0..<50 {
            let key = try key("\(number)")
            let record = number.isMultiple(of: 2) ? claim(by: UInt64(number), lease: tick * 1000) : finished()
            expected.append((key, record, try await write(record, key, "record \(number)")))
        }
        let removed = try key("removed")
        _ = try await remove(removed, over: try await write(claim(), removed, "a claim"))
        let store = try await reopen()
        for (key, record, version) in expected { try await requireThere(record, version, key, in: store) }
        let found = try await store.load(removed)
        try require(found == nil, "what was removed is back: \(Self.text(found)).")
    }
}
