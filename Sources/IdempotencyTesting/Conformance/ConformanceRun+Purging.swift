internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// Purges until the store says that nothing more is expired. Returns how many it says to have taken.
    @discardableResult
    func purgeAll(portion: Int = 1000) async throws -> Int {
        guard let listable else { return 0 }
        var purged = 0
        for _ in 0..<100_000 {
            let count = try await listable.purge(limit: portion)
            try require((0...portion).contains(count), "a purge of at most \(portion) says that it took \(count).")
            purged += count
            if count < portion { return purged }
        }
        throw ConformanceViolation(check: check, message: "100,000 purges found no end.")
    }

    func purgeTakesOnlyWhatIsExpired() async throws {
        guard listable != nil else { return }
        let lapsing = claim(lease: tick, checkpoints: [Checkpoint(name: "mail", value: .encoded([1]))])
        let staying = [
            claim(), claim(lease: tick * 1000, lapsePolicy: .rerun, retention: tick), lapsing,
            claim(lease: tick, lapsePolicy: .reconcile), claim(unknown: .handlerThrew, lease: .zero),
            claim(unknown: .attemptsExhausted, lease: .zero),
            claim(lease: tick, lapsePolicy: .rerun, retention: tick * 1000),
            finished(), finished(.failed(.revoked)), finished(retention: .nanoseconds(Int64.max)),
        ]
        var there: [(IdempotencyKey, IdempotencyRecord, RecordVersion)] = []
        for (number, record) in staying.enumerated() {
            let key = try self.key("stays-\(number)")
            there.append((key, record, try await write(record, key, "\(record)")))
        }
        let going = try (0..<20).map { try key("goes-\($0)") }
        for (number, key) in going.enumerated() {
            try await write(
                number.isMultiple(of: 2) ? finished(retention: tick) : abandoned,
                key,
                "a short-lived record"
            )
        }
        for _ in 1...2 {
            try await purgeAll(portion: 3)
            for (key, record, version) in there { try await requireThere(record, version, key) }
            try await advanceTime(tick * 3)
        }
        try await purgeAll()
        for (key, record, version) in there { try await requireThere(record, version, key) }
        for key in going { try await requireAbsent(key, "After a purge") }
        let (lapsed, _, version) = there[2]
        try await write(claim(by: 2), lapsed, over: version, "a takeover of a lapsed claim after a purge")
    }

    func purgeSaysHowManyItTook() async throws {
        guard listable != nil else { return }
        var counts: [Int] = []
        // Until a moment comes when nobody else's records expire, and nobody else purges.
        for attempt in 1...50 {
            try await purgeAll()
            for number in 0..<20 {
                let record = number.isMultiple(of: 2) ? finished(retention: tick) : abandoned
                try await write(record, try key("\(attempt)-\(number)"), "a short-lived record")
            }
            try await advanceTime(tick * 3)
            counts.append(try await purgeAll(portion: 7))
            if counts.last == 20 || subject.sweepsByItself { return }
        }
        throw ConformanceViolation(
            check: check,
            message:
                "20 records expired fifty times, and purges of at most 7 say that they took \(Set(counts).sorted())."
        )
    }

    func purgeLosesNoClaim() async throws {
        guard let listable else { return }
        // Each takes time on the store's clock, so few of them, of many keys.
        for round in 1...max(3, subject.rounds / 20) {
            let keys = try (0..<32).map { try key("\(round)-\($0)") }
            for (number, key) in keys.enumerated() {
                let record = number.isMultiple(of: 2) ? finished(retention: tick) : abandoned
                try await write(record, key, "a short-lived record")
            }
            try await advanceTime(tick * 3)
            let claimed = try await withThrowingTaskGroup(of: [IdempotencyKey: RecordVersion].self) { group in
                for task in 1...64 as ClosedRange<UInt64> {
                    let way = way(Int(task))
                    if task % 4 < 2 {
                        let purging = way as? any ListableIdempotencyStore ?? listable
                        group.addTask {
                            for _ in 1...8 { _ = try await purging.purge(limit: 3) }
                            return [:]
                        }
                    } else {
                        group.addTask { try await claimEach(keys.shuffled(), by: task, in: way) }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1.map { $0 } }
            }
            try require(
                claimed.count == keys.count && Set(claimed.map(\.key)).count == keys.count,
                dependsOnTime: false,
                "\(claimed.count) claims of \(keys.count) expired keys were stored while they were purged."
            )
            for (key, version) in claimed {
                let found = try await store.load(key)
                try require(
                    found?.version == version && found?.record.isPending ?? false,
                    dependsOnTime: false,
                    "a claim was stored in version \(version) during a purge, and \(Self.text(found)) is there."
                )
            }
        }
    }

    /// Claims what is not claimed yet. Returns what was stored.
    private func claimEach(
        _ keys: [IdempotencyKey],
        by task: UInt64,
        in way: any IdempotencyStore
    ) async throws -> [IdempotencyKey: RecordVersion] {
        var stored: [IdempotencyKey: RecordVersion] = [:]
        for key in keys {
            let answer = try await way.checkAndSet(key, expecting: nil, .write(claim(by: task)))
            if case .stored(let version) = answer { stored[key] = version }
        }
        return stored
    }

    func versionsGrowAcrossPurge() async throws {
        guard listable != nil else { return }
        let key = try key()
        var last = RecordVersion(rawValue: 0)
        for round in 1...3 {
            let record = round.isMultiple(of: 2) ? abandoned : finished(retention: tick)
            let version = try await write(record, key, "write \(round)")
            try requireGrowth(version, last, "write \(round), after a purge,")
            last = version
            try await advanceTime(tick * 3)
            try await purgeAll()
        }
        let removed = try await remove(key, over: try await write(claim(), key, "a claim"))
        try await purgeAll()
        try requireGrowth(try await write(claim(), key, "a claim"), removed, "a claim after a removal and a purge")
    }

    func workingStorePassesItsCheck() async throws {
        let ways = [store, subject.another].compactMap { $0 as? any ListableIdempotencyStore }
        for way in ways {
            do {
                try await way.check()
            } catch {
                throw ConformanceViolation(check: check, message: "its check throws \(type(of: error)).")
            }
        }
    }
}
