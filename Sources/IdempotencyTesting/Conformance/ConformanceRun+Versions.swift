internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    func requireGrowth(_ version: RecordVersion, _ before: RecordVersion, _ what: String) throws {
        try require(version > before, "\(what) has version \(version), the one before it \(before).")
    }

    func versionsGrowWithEachWrite() async throws {
        let key = try key()
        var version = try await write(claim(), key, "a claim")
        for number in 1...50 {
            // The same bytes each time: a store that compares them must count nevertheless.
            let next = try await write(claim(), key, over: version, in: way(number), "write \(number)")
            try requireGrowth(next, version, "write \(number)")
            version = next
        }
    }

    func versionsGrowAcrossRemoval() async throws {
        let key = try key()
        var last = RecordVersion(rawValue: 0)
        for round in 1...10 {
            let version = try await write(claim(), key, in: way(round), "claim \(round)")
            try requireGrowth(version, last, "claim \(round)")
            last = try await remove(key, over: version, in: way(round / 2))
            try requireGrowth(last, version, "removal \(round)")
        }
    }

    func versionsGrowAcrossExpiry() async throws {
        let key = try key()
        var last = RecordVersion(rawValue: 0)
        for round in 1...3 {
            let result = try await write(finished(retention: tick), key, in: way(round), "result \(round)")
            try requireGrowth(result, last, "result \(round)")
            try await advanceTime(tick * 2)
            let version = try await write(abandoned, key, in: way(round + 1), "claim \(round)")
            try requireGrowth(version, result, "claim \(round)")
            try await advanceTime(tick * 3)
            last = version
        }
    }

    func versionsGrowAcrossReopening() async throws {
        guard let reopen = subject.reopen else { return }
        let stays = try key("stays")
        let goes = try key("goes")
        let first = try await write(claim(), stays, "a claim")
        let removed = try await remove(goes, over: try await write(claim(), goes, "a claim"))
        let store = try await reopen()
        let next = try await write(claim(by: 2), stays, over: first, in: store, "a write after a restart")
        try requireGrowth(next, first, "a write after a restart")
        let again = try await write(claim(by: 2), goes, in: store, "a claim of a removed key after a restart")
        try requireGrowth(again, removed, "a claim of a removed key after a restart")
    }
}
