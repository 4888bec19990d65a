/// A store, and a look at its answers: what no store may ever answer is an error, and neither believed nor acted on.
///
/// A driver that takes one request's reply for another's, a replica that is read by mistake, a backup that was played back:
/// each would show one client's result to another, or run what has run.
@available(Idempotency 0.1, *)
struct CheckedStore: Sendable {
    let base: any IdempotencyStore

    init(_ base: any IdempotencyStore) { self.base = base }

    /// What is stored under a key.
    ///
    /// - Parameter seen: A version of the key that was there before.
    nonisolated(nonsending) func load(
        _ key: IdempotencyKey,
        notBefore seen: RecordVersion? = nil
    ) async throws -> StoredRecord? {
        guard let found = try await base.load(key) else { return nil }
        try Self.check(found, under: key)
        if let seen, found.version < seen { throw IdempotencyError.versionWentBack }
        return found
    }

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - expected: The version that the store is known to have had; `nil`: nothing, or an expired record.
    ///   - seen: The greatest version of the key that was there before, if another one.
    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange,
        after seen: RecordVersion? = nil
    ) async throws -> CheckAndSetResult {
        let result = try await base.checkAndSet(key, expecting: expected, change)
        switch result {
        case .stored(let version):
            if let expected, version <= expected { throw IdempotencyError.versionDidNotGrow }
            if let seen, version <= seen { throw IdempotencyError.versionDidNotGrow }
        case .conflict(let found?):
            try Self.check(found, under: key)
            if let expected, found.version <= expected { throw IdempotencyError.versionWentBack }
            if let seen, found.version < seen { throw IdempotencyError.versionWentBack }
        case .conflict(nil):
            break
        }
        return result
    }

    static func check(_ found: StoredRecord, under key: IdempotencyKey) throws(IdempotencyError) {
        // Zero: written by a release whose records did not say whose they are.
        let digest = found.record.keyDigest
        if digest != 0, digest != key.digest { throw .recordOfAnotherKey }
    }
}
