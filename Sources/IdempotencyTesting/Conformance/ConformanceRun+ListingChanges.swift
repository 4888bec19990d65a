internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    func listingTellsAgesApart() async throws {
        guard listable != nil else { return }
        let old = [
            try key("result"), try key("endless"), try key("claim"), try key("lapsed"),
        ]
        let records = [
            finished(), finished(retention: .nanoseconds(Int64.max)), claim(lease: tick * 50), claim(lease: tick),
        ]
        for (key, record) in zip(old, records) { try await write(record, key, "\(record)") }
        let rewritten = try key("rewritten")
        let version = try await write(claim(), rewritten, "a claim")
        try await advanceTime(tick * 6)
        try await write(claim(), rewritten, over: version, "a renewal")
        let new = [rewritten, try key("new")]
        try await write(finished(), new[1], "a result")

        func asking(_ age: Duration) -> RecordQuery {
            var query = mine()
            query.minimumAge = age
            return query
        }
        try await requireListed(old, by: asking(tick * 6), "At least 6 ticks old")
        for age in [Duration.zero, tick * -100] {
            try await requireListed(old + new, by: asking(age), "At least \(age) old")
        }
        for age in [tick * 1000, .seconds(10 * 366 * 86400), .seconds(Int64.max)] {
            try await requireListed([], by: asking(age), "At least \(age) old")
        }
        for listed in try await list(mine()) {
            let isOld = old.contains(listed.key)
            try require(
                isOld ? listed.age >= tick * 6 && listed.age < tick * 12 : listed.age >= .zero && listed.age < tick * 6,
                "\(listed.stored.record) is listed with an age of \(listed.age); it was written "
                    + (isOld ? "6 ticks of \(tick) ago." : "a moment ago.")
            )
        }
    }

    func listingSkipsWhatIsExpired() async throws {
        guard listable != nil else { return }
        for number in 0..<10 {
            let gone = number.isMultiple(of: 2) ? finished(retention: tick) : abandoned
            try await write(gone, try key("gone-\(number)"), "\(gone)")
        }
        let there = [try key("result"), try key("lapsed"), try key("kept")]
        let records = [finished(), claim(lease: tick), claim(lease: tick, lapsePolicy: .rerun, retention: tick * 1000)]
        for (key, record) in zip(there, records) { try await write(record, key, "\(record)") }
        try await advanceTime(tick * 3)
        try await requireListed(there, by: mine(), limit: 2, "Two ticks after the others expired")
    }

    /// A claim that nobody keeps for more than two ticks.
    var abandoned: IdempotencyRecord { claim(lease: tick, lapsePolicy: .rerun, retention: tick) }

    func listingSurvivesChanges() async throws {
        guard listable != nil else { return }
        let staying = try (0..<20).map { try key("stays-\($0)") }
        let other = try (0..<40).map { try key("other-\($0)") }
        var versions: [IdempotencyKey: RecordVersion] = [:]
        for key in (staying + other).shuffled() { versions[key] = try await write(finished(), key, "a result") }
        var left = other
        var made = 0
        let listed = try await list(mine(), limit: 4) { page in
            // The last one of the page, where the next begins, goes first.
            for number in 0..<3 {
                let listed = page.last { left.contains($0.key) }
                guard let key = listed?.key ?? left.last, let version = versions[key] else { break }
                left.removeAll { $0 == key }
                if number == 2 {
                    try await write(claim(), key, over: version, "a change")
                } else {
                    _ = try await remove(key, over: version)
                }
            }
            made += 1
            if made < 40 { try await write(claim(), try key("new-\(made)"), "a new record") }
        }
        for key in staying {
            let count = listed.count { $0.key == key }
            try require(count == 1, "a record that nobody touched was listed \(count) times while others changed.")
        }
        // As an erasure does it: each record is removed as soon as it is listed.
        let all = try await list(mine())
        let erased = try await list(mine(), limit: 3) { page in
            for record in page { _ = try await remove(record.key, over: record.stored.version) }
        }
        try require(
            erased.count == all.count,
            "of \(all.count) records \(erased.count) were listed while each was removed that had been listed."
        )
    }

    func foreignCursorIsRefused() async throws {
        guard let listable else { return }
        for number in 0..<4 { try await write(claim(), try key("\(number)"), "a claim") }

        /// Whether the store takes the text for a cursor.
        func isTaken(_ text: String) async throws -> Bool {
            do {
                _ = try await listable.list(mine(), after: RecordCursor(rawValue: text), limit: 2)
                return true
            } catch let error as IdempotencyError where error.code == .invalidCursor {
                return false
            } catch {
                let message = "for a cursor that is not its own the store throws \(type(of: error)), not invalidCursor."
                throw ConformanceViolation(check: check, message: message)
            }
        }
        let rubbish = [
            "", " ", "\u{0}", "\r\n", "🎉", "é", "\u{FFFD}", "'; DROP TABLE records; --", "%", "../..", "null", "{}",
            "[]",
            "-", "--1", "1e999", String(repeating: "9", count: 40), String(repeating: "x", count: 10_000),
            String(repeating: "\u{0}", count: 64),
        ]
        for text in rubbish {
            try require(try await !isTaken(text), "a cursor of \(text.utf8.count) bytes, which is nobody's, was taken.")
        }
        guard let own = try await listable.list(mine(), after: nil, limit: 1).next?.rawValue else {
            // A store may answer with more than was asked for.
            return
        }
        try require(try await isTaken(own), "a cursor of the store's own was refused.")
        var bent = [
            own + "x", "x" + own, own + own, own.uppercased(), String(own.reversed()), own + "\u{0}", " " + own,
        ]
        for index in own.indices {
            bent.append(String(own[..<index]))
            bent.append(own[..<index] + "~" + own[own.index(after: index)...])
            bent.append(own[..<index] + "9" + own[own.index(after: index)...])
        }
        // Taken or refused, but in no other way.
        for text in bent { _ = try await isTaken(text) }
        try await requireListed((0..<4).map { try key("\($0)") }, by: mine(), "After all that")
    }
}
