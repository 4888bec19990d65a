internal import Idempotency
import Synchronization

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
                let way = way(Int(task))
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
        try require(winners.count == 1, dependsOnTime: false, "\(winners.count) of 64 were stored.")
        let (winner, version) = winners[0]
        for found in seen {
            try require(
                found?.record == record(winner) && found?.version == version,
                dependsOnTime: false,
                "task \(winner) won with version \(version), and another was told of \(Self.text(found))."
            )
        }
        try await requireThere(record(winner), version, key)
    }

    func oneWinnerOfAnAbsentKey() async throws {
        for round in 1...subject.rounds { try await race(try key("\(round)"), over: nil) { claim(by: $0) } }
    }

    func oneWinnerOfALapsedClaim() async throws {
        var lapsed: [(IdempotencyKey, RecordVersion)] = []
        for round in 1...subject.rounds {
            let key = try key("\(round)")
            lapsed.append((key, try await write(claim(by: 0, lease: tick), key, "a claim")))
        }
        try await advanceTime(tick * 3)
        for (key, version) in lapsed { try await race(key, over: version) { claim(by: $0, attempt: 2) } }
    }

    func oneWinnerOfAnExpiredKey() async throws {
        let keys = try (1...subject.rounds).map { try key("\($0)") }
        for key in keys { try await write(finished(retention: tick), key, "a finished record") }
        try await advanceTime(tick * 3)
        for key in keys { try await race(key, over: nil) { claim(by: $0) } }
    }

    func oneWinnerOfWritesAndRemovals() async throws {
        for round in 1...subject.rounds {
            let key = try key("\(round)")
            let first = try await write(claim(by: 0), key, "a claim")
            func isRemoval(_ task: UInt64) -> Bool { task % 2 == UInt64(round) % 2 }
            let answers = try await withThrowingTaskGroup(of: (UInt64, CheckAndSetResult).self) { group in
                for task in 1...64 as ClosedRange<UInt64> {
                    let way = way(Int(task / 2))
                    let change = isRemoval(task) ? RecordChange.remove : .write(claim(by: task))
                    group.addTask { (task, try await way.checkAndSet(key, expecting: first, change)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let made = answers.compactMap { task, answer in
                if case .stored(let version) = answer { (task, version) } else { nil }
            }
            try require(made.count == 1, "\(made.count) of 64 writes and removals of one version were made.")
            let (winner, version) = made[0]
            try requireGrowth(version, first, "what was made of 64")
            let left = isRemoval(winner) ? nil : claim(by: winner)
            let found = try await store.load(key)
            try require(
                found?.record == left && (found == nil || found?.version == version),
                "the \(left == nil ? "removal" : "write") of task \(winner) was made, and \(Self.text(found)) is there."
            )
            for case (_, .conflict(let seen)) in answers {
                try require(
                    seen?.record == left,
                    "\(Self.text(found)) is there, and a loser was told of \(Self.text(seen))."
                )
            }
        }
    }

    func noUpdateIsLost() async throws {
        let key = try key()
        let first = try await write(claim(attempt: 1), key, "a claim")
        let writers = 8
        let updates = 25
        // Each writer goes on from what the answer to its lost check says, as the engine does.
        let versions = try await withThrowingTaskGroup(of: [RecordVersion].self) { group in
            for writer in 1...writers {
                let way = way(writer)
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
                            try requireGrowth(found.version, known.version, "what a lost check found")
                            known = found
                        }
                    }
                    return written
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        try require(Set(versions).count == versions.count, "two of \(versions.count) writes have one version.")
        let last = try await store.load(key)
        // A number drawn before the record is locked, and written after it, would go backwards.
        try require(last?.version == versions.max(), "the last write has not the greatest version.")
        let attempt = last?.record.attempt ?? 0
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

    func loadsDuringWritesAreWhole() async throws {
        let key = try key()
        let first = try await write(claim(attempt: 1), key, "a claim")
        let progress = Progress(first)
        var written = [first: 1]
        let seen = try await withThrowingTaskGroup(of: [RecordVersion: Int].self) { group in
            for reader in 1...8 {
                let way = way(reader)
                group.addTask { try await readUntilOver(key, by: way, progress) }
            }
            defer { progress.end() }
            var version = first
            for attempt in 2...200 as ClosedRange<UInt32> {
                version = try await write(claim(attempt: attempt), key, over: version, "write \(attempt)")
                written[version] = Int(attempt)
                progress.acknowledge(version)
                await Task.yield()
            }
            progress.end()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for (version, attempt) in seen.joined() {
            try require(
                written[version] == attempt,
                "attempt \(attempt) was read in version \(version), which is attempt \(written[version] ?? 0)'s."
            )
        }
    }

    /// Reads on and on, and requires that nothing is older than what was read or acknowledged before. Returns which attempt was
    /// read in each version.
    private func readUntilOver(
        _ key: IdempotencyKey,
        by way: any IdempotencyStore,
        _ progress: Progress
    ) async throws -> [RecordVersion: Int] {
        var seen: [RecordVersion: Int] = [:]
        var last = progress.acknowledged
        while !progress.isOver {
            let least = max(last, progress.acknowledged)
            let found = try await way.load(key)
            guard let found, found.version >= least else {
                let message = "version \(least) was there, and a load finds \(Self.text(found))."
                throw ConformanceViolation(check: check, message: message)
            }
            last = found.version
            seen[found.version] = found.record.attempt
            await Task.yield()
        }
        return seen
    }

    private final class Progress: Sendable {
        private let version: Atomic<UInt64>
        private let over = Atomic(false)

        init(_ version: RecordVersion) { self.version = Atomic(version.rawValue) }

        var acknowledged: RecordVersion { RecordVersion(rawValue: version.load(ordering: .sequentiallyConsistent)) }
        var isOver: Bool { over.load(ordering: .sequentiallyConsistent) }
        func acknowledge(_ next: RecordVersion) { version.store(next.rawValue, ordering: .sequentiallyConsistent) }
        func end() { over.store(true, ordering: .sequentiallyConsistent) }
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
        guard let version else { return }
        _ = try await remove(key, over: version)
        let found = try await subject.another.load(key)
        try require(found == nil, "after an acknowledged removal a load by another way finds \(Self.text(found)).")
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
