internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// The store as one that can be listed, if it can.
    var listable: (any ListableIdempotencyStore)? { store as? any ListableIdempotencyStore }

    /// Asks for what this run has written in its own scope.
    func mine(_ states: Set<RecordState> = Set(RecordState.allCases)) -> RecordQuery {
        RecordQuery(states: states, operation: scope.operation, tenant: mark)
    }

    /// Lists to the end, by both ways in turn: a cursor is the store's, and not one connection's.
    ///
    /// - Parameter afterPage: Called between two pages, with the one just listed.
    func list(
        _ query: RecordQuery,
        limit: Int = 100,
        afterPage: ([ListedRecord]) async throws -> Void = { _ in }
    ) async throws -> [ListedRecord] {
        let ways = [store, subject.another].compactMap { $0 as? any ListableIdempotencyStore }
        var listed: [ListedRecord] = []
        var cursor: RecordCursor?
        for page in 0..<100_000 {
            let answer = try await ways[page % ways.count].list(query, after: cursor, limit: limit)
            listed += answer.records
            guard let next = answer.next else { return listed }
            cursor = next
            try await afterPage(answer.records)
        }
        throw ConformanceViolation(check: check, message: "100,000 pages were not all.")
    }

    /// Requires that a query finds exactly these keys, each once.
    func requireListed(
        _ keys: some Collection<IdempotencyKey>,
        by query: RecordQuery,
        limit: Int = 100,
        _ what: String
    ) async throws {
        let found = try await list(query, limit: limit).map(\.key)
        try require(Set(found).count == found.count, "\(what): some of \(found.count) records were listed twice.")
        let missing = Set(keys).subtracting(found)
        try require(missing.isEmpty, "\(what): \(missing.count) of \(keys.count) records were not listed.")
        try require(
            found.count == keys.count,
            "\(what): \(found.count - keys.count) were listed that were not asked for."
        )
    }

    func everyRecordIsListedOnce() async throws {
        guard listable != nil else { return }
        var written: [IdempotencyKey: StoredRecord] = [:]
        for number in 0..<41 {
            let key = try key("k-\(number)")
            let record = number.isMultiple(of: 3) ? finished(token: UInt64(number)) : claim(by: UInt64(number))
            let version = try await write(record, key, "record \(number)")
            written[key] = StoredRecord(version: version, record: record, remaining: .zero)
        }
        for limit in [1, 2, 3, 7, 40, 41, 42, 1000, .max] {
            try await requireListed(written.keys, by: mine(), limit: limit, "With \(limit) a page")
        }
        for listed in try await list(mine()) {
            let (stored, expected) = (listed.stored, written[listed.key])
            let span = stored.record.isPending ? stored.record.lease : stored.record.retention ?? .zero
            try require(
                stored.record == expected?.record && stored.version == expected?.version,
                "\(Self.text(expected)) was written, and \(Self.text(stored)) listed."
            )
            try require(
                stored.remaining > .zero && stored.remaining <= span && listed.age >= .zero && listed.age < span,
                "of \(span) \(stored.remaining) are listed as remaining, at an age of \(listed.age)."
            )
        }
    }

    func listedKeysComeBackWhole() async throws {
        guard listable != nil else { return }
        var keys: [IdempotencyKey] = []
        for text in Self.oddTexts + Self.equalTexts {
            keys.append(try key(operation: "value", tenant: mark, text))
            keys.append(try key(operation: text, tenant: mark, principal: text, "value"))
        }
        for key in keys { try await write(claim(), key, "a claim of an odd key") }
        let listed = try await list(RecordQuery(tenant: mark))
        for key in keys {
            // Equal by their bytes, which is what keys are compared by.
            guard let found = listed.first(where: { $0.key == key })?.key else {
                throw ConformanceViolation(check: check, message: "a key was not listed as it was written.")
            }
            let scope = found.scope
            let parts: [(String?, String?)] = [
                (scope.operation, key.scope.operation), (scope.tenant, mark), (scope.principal, key.scope.principal),
                (found.value, key.value),
            ]
            for (part, expected) in parts {
                try require(
                    part.map { Array($0.utf8) } == expected.map { Array($0.utf8) },
                    "a key is listed with another operation, tenant, principal or value than it was written with."
                )
            }
        }
    }

    func listingTellsStatesApart() async throws {
        guard listable != nil else { return }
        let records: [(RecordState, IdempotencyRecord)] = [
            (.inProgress, claim()), (.inProgress, claim(lapsePolicy: .rerun, retention: tick * 1000)),
            (.lapsed, claim(lease: tick)), (.lapsed, claim(lease: tick, lapsePolicy: .rerun, retention: tick * 1000)),
            (.lapsed, claim(unknown: .handlerThrew, lease: .zero)),
            (.done, finished()), (.done, finished(.done(.void))), (.done, finished(.done(.omitted(.tooLarge)))),
            (.retryable, finished(.failed(.retryable(.threw)))),
            (.retryable, finished(.failed(.retryable(.neverEntered)))),
            (.failed, finished(.failed(.final(name: "declined", value: .encoded([3]))))),
            (.failed, finished(.failed(.revoked))), (.failed, finished(.failed(.attemptsExhausted))),
        ]
        var keys: [RecordState: [IdempotencyKey]] = [:]
        var versions: [IdempotencyKey: RecordVersion] = [:]
        for (number, (state, record)) in records.enumerated() {
            let key = try key("\(number)")
            versions[key] = try await write(record, key, "\(record)")
            keys[state, default: []].append(key)
        }
        try await advanceTime(tick * 3)
        var asked = RecordState.allCases.map { Set([$0]) }
        asked += [
            [], [.inProgress, .lapsed], [.inProgress, .done], [.lapsed, .failed], [.lapsed, .done, .retryable],
        ]
        for states in asked {
            let names = "The states \(states.map(\.rawValue).sorted())"
            try await requireListed(states.flatMap { keys[$0] ?? [] }, by: mine(states), limit: 2, names)
        }
        for listed in try await list(mine()) {
            let (state, remaining) = (listed.state, listed.stored.remaining)
            try require(
                (remaining > .zero) == (state != .lapsed),
                "a record is listed as \(state.rawValue), with \(remaining) remaining."
            )
        }
        for key in keys[.lapsed] ?? [] { try await write(claim(by: 2), key, over: versions[key], "a takeover") }
        try await requireListed([], by: mine([.lapsed]), "Lapsed, after all were taken over")
    }

    func listingTellsScopesApart() async throws {
        guard listable != nil else { return }
        let texts = Self.oddTexts + Self.equalTexts
        // Each part in turn is odd, and no other run's.
        var made: [(query: RecordQuery, key: IdempotencyKey, what: String)] = []
        for text in texts {
            let owner = "\(mark)\(text)"
            let byOperation = try key(operation: text, "v")
            let byTenant = try key(operation: "by tenant", tenant: owner, "v")
            let byPrincipal = try key(operation: "by principal", principal: owner, "v")
            let what = text.debugDescription
            made.append((RecordQuery(operation: unique(text)), byOperation, "By operation \(what)"))
            made.append((RecordQuery(tenant: owner), byTenant, "By tenant \(what)"))
            made.append((RecordQuery(principal: owner), byPrincipal, "By principal \(what)"))
        }
        for (tenant, principal) in [("a", "b"), ("b", "a"), ("a", "a")] {
            let key = try key(operation: "by both", tenant: tenant, principal: principal, "v")
            let query = RecordQuery(operation: unique("by both"), tenant: tenant, principal: principal)
            made.append((query, key, "By tenant \(tenant) and principal \(principal)"))
        }
        try await write(claim(), try key(operation: "by both", tenant: "a", "v"), "a claim")
        try await write(claim(), try key(operation: "by both", principal: "b", "v"), "a claim")
        for (_, key, _) in made { try await write(claim(), key, "a claim") }
        for (query, key, what) in made { try await requireListed([key], by: query, what) }
        let operation = RecordQuery(operation: unique("by tenant"))
        try await requireListed(
            made.map(\.key).filter { operation.matches($0.scope) },
            by: operation,
            limit: 7,
            "By operation"
        )
        try await requireListed([], by: RecordQuery(operation: unique("none")), "By an operation that is nobody's")
    }
}
