internal import Idempotency

@available(Idempotency 0.1, *)
extension ConformanceRun {
    func everyStateComesBack() async throws {
        let states: [IdempotencyRecord.State] = [
            .done(.void), .done(.bytes([1])), .done(.encoded([2])), .done(.omitted(.tooLarge)),
            .done(.omitted(.notEncodable)), .failed(.final(name: "declined", value: .encoded([3]))),
            .failed(.retryable(.didNotHappen)), .failed(.retryable(.neverEntered)), .failed(.retryable(.threw)),
            .failed(.revoked), .failed(.attemptsExhausted),
        ]
        let fingerprints = [
            nil, Fingerprint(bytes: [1, 2, 3]), Fingerprint(fields: ["amount": "12", "account": "7"]),
        ]
        var number = 0
        for state in states {
            for fingerprint in fingerprints {
                number += 1
                let record = finished(
                    state,
                    attempt: number.isMultiple(of: 2) ? 1 : .max,
                    token: number.isMultiple(of: 3) ? 0 : .max,
                    fingerprint: fingerprint,
                    lapsePolicy: [.rerun, .reconcile, .refuse][number % 3],
                    isKnownWithoutEffect: number.isMultiple(of: 2)
                )
                let key = try key("finished-\(number)")
                try await requireThere(record, try await write(record, key, "\(record)"), key)
            }
        }
        for reason in [nil, UnknownReason.lapsed, .handlerThrew, .attemptsExhausted, .notReconciled] {
            var record = claim()
            record = IdempotencyRecord(
                state: .pending(unknown: reason),
                attempt: 2,
                claimant: Claimant(high: .max, low: .max),
                token: 12,
                fingerprint: fingerprints[1],
                lapsePolicy: .reconcile,
                isKnownWithoutEffect: false,
                lease: reason == nil ? record.leaseNanoseconds : 0,
                retention: .max,
                checkpoints: [],
                settlement: try Settlement(id: "incident '4711' é 🎉", settledBy: "alice\\; --"),
                keyDigest: reason == nil ? 1 : .max
            )
            let key = try key("pending-\(reason.map { Int($0.rawValue) } ?? 0)")
            try await requireThere(record, try await write(record, key, "\(record)"), key)
        }
    }

    func recordsOfEverySizeComeBack() async throws {
        for size in [0, 1, 255, 256, 4095, 65_536, 1 << 20] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            for value in [StoredValue.bytes(bytes), .encoded(bytes)] {
                let record = finished(.done(value))
                let key = try key("\(size)-\(value == .bytes(bytes))")
                try await requireThere(record, try await write(record, key, "a result of \(size) bytes"), key)
            }
        }
        let everyByte = finished(.done(.bytes((0...255).map { UInt8($0) })))
        let key = try key("every-byte")
        try await requireThere(everyByte, try await write(everyByte, key, "a result of every byte"), key)
        for count in [1, 200] {
            let steps = (0..<count).map { number in
                Checkpoint(
                    name: "step '\(number)' é 🎉",
                    value: .encoded([UInt8](repeating: UInt8(number), count: number))
                )
            }
            let record = claim(checkpoints: steps)
            let key = try self.key("steps-\(count)")
            try await requireThere(record, try await write(record, key, "a claim with \(count) steps"), key)
        }
    }

    /// Writes a record of its own under each key, and requires that each key has its own.
    private func requireApart(_ keys: [IdempotencyKey]) async throws {
        func record(_ index: Int) -> IdempotencyRecord {
            finished(.done(.bytes([UInt8(index >> 8), UInt8(index & 255)])))
        }
        var versions: [RecordVersion] = []
        for (index, key) in keys.enumerated() {
            versions.append(try await write(record(index), key, "the record of key number \(index + 1)"))
        }
        for (index, key) in keys.enumerated() { try await requireThere(record(index), versions[index], key) }
        for (index, key) in keys.enumerated() where index.isMultiple(of: 2) {
            _ = try await remove(key, over: versions[index])
        }
        for (index, key) in keys.enumerated() where !index.isMultiple(of: 2) {
            try await requireThere(record(index), versions[index], key)
        }
    }

    static let oddTexts = [
        "'", "\"", "'; DROP TABLE records; --", "\\", "\\'", "`", "%", "%%", "_", "%s%n", "%00", "%0d%0a", "$1", "?",
        ":a",
        "@", "a b", "a", "a ", " a", " ", "\u{A0}", "\\r\\n", "\\u0000", "\\0", "🎉", "👨‍👩‍👧", "ﬁ", "fi", "\u{200D}",
        "\u{FEFF}a", "\u{FFFD}", "\u{10FFFF}", "/", "//", ".", "..", "../..", "a/b", "a\\b", "~", "-", "*", "#", "{a}",
        "{a}b", "[a]", "null", "0", "00", "1e3", "true", "<a>", "&amp;", "a;b", "a=b", "a,b", "a|b", "a:b", "日本語",
        "עברית",
        "KEYS *", "\u{E000}", "x\u{300}\u{301}",
    ]

    func oddKeysHitOnlyThemselves() async throws {
        let long = [
            String(repeating: "x", count: 255), String(repeating: "x", count: 254), String(repeating: "é", count: 127),
            String(repeating: "🎉", count: 63) + "abc", String(repeating: "%", count: 255),
            String(repeating: "'", count: 255), String(repeating: "\\", count: 255),
        ]
        try await requireApart(try (Self.oddTexts + long).map { try key($0) })
    }

    func scopesAreApart() async throws {
        var keys = [
            try key(operation: "charge", "v"), try key(operation: "refund", "v"), try key(operation: "Charge", "v"),
            try key(operation: "charge", tenant: "a", "v"), try key(operation: "charge", tenant: "b", "v"),
            try key(operation: "charge", principal: "a", "v"),
            try key(operation: "charge", tenant: "a", principal: "b", "v"),
            try key(operation: "charge", tenant: "b", principal: "a", "v"),
            // What a separator could confuse.
            try key(operation: "charge", tenant: "a", principal: "b:c", "v"),
            try key(operation: "charge", tenant: "a:b", principal: "c", "v"),
            try key(operation: "charge", tenant: "a", "b/v"), try key(operation: "charge", tenant: "a/b", "v"),
        ]
        for text in Self.oddTexts { keys.append(try key(operation: "odd", tenant: text, "v")) }
        // As long as a scope may be, and different at its end alone.
        let rest = try 255 - key(operation: "x", "v").scope.text.utf8.count
        for end in ["x", "y"] {
            keys.append(try key(operation: String(repeating: "x", count: rest) + end, "v"))
        }
        try await requireApart(keys)
    }

    /// Texts of different bytes that a collation or `String` may take for equal.
    static let equalTexts = [
        "é", "e\u{301}", "Å", "A\u{30A}", "\u{212B}", "key", "Key", "KEY", "ß", "SS", "ss", "İ", "i\u{307}", "I",
        "a\u{AD}",
    ]

    func canonicallyEqualKeysAreApart() async throws {
        try await requireApart(try (Self.equalTexts + ["i", "a", "a "]).map { try key($0) })
    }
}
