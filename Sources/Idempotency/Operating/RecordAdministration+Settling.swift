@available(Idempotency 0.1, *)
extension RecordAdministration {
    /// Settles a key of which nobody knows whether its run took effect: pending with its lease over, or failed by an error
    /// that says nothing about the effect.
    ///
    /// Safe to repeat with the same settlement, also after an error: it is made once. A run that was given up and still goes
    /// on somewhere can no longer finish; before ``SettlementFinding/runAgain``, make sure that none does.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - version: The version that was looked at; another one is left alone.
    ///   - finding: What was found out.
    ///   - settlement: Who decided, and an id for the decision. The record keeps both.
    ///   - policy: The operation's policy, of which ``OperationPolicy/retention`` and
    ///     ``OperationPolicy/maximumResultSize`` count here.
    /// - Returns: Whether it was settled, or what was in the way.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidSettlement`` if the result cannot be encoded or is
    ///   too large, the failure's name is not valid, or the id was used for another finding; with
    ///   ``IdempotencyError/Code/storeUnavailable`` if nobody knows whether it was made; with
    ///   ``IdempotencyError/Code/brokenStore``, ``IdempotencyError/Code/corruptRecord`` or
    ///   ``IdempotencyError/Code/unsupportedRecordVersion`` if the store's answer cannot be used.
    public nonisolated(nonsending) func settle(
        _ key: IdempotencyKey,
        version: RecordVersion,
        as finding: SettlementFinding,
        settlement: Settlement,
        policy: OperationPolicy = .standard
    ) async throws -> SettlementResult {
        let request = RecordStateMachine.SettlementRequest(
            version: version,
            state: try state(after: finding, limit: policy.maximumResultSize),
            settlement: settlement,
            retention: policy.retentionNanoseconds
        )
        var failures = 0
        // Whether a write of this call may have settled the key, although its reply was lost.
        var mayHaveSettled = false
        for _ in 0..<64 {
            do {
                guard let found = try await store.load(key) else {
                    if mayHaveSettled { throw IdempotencyError.settlementUncertain(nil) }
                    return .changed(nil)
                }
                switch RecordStateMachine.settle(found, request) {
                case .settle(let record):
                    mayHaveSettled = true
                    if let stored = try await write(record, under: key, over: found.version) {
                        return settled(key, stored, record)
                    }
                    // Refused for certain: somebody else was there first, unless an earlier try of this call's was.
                    mayHaveSettled = failures > 0
                case .confirm(let record):
                    guard let stored = try await write(record, under: key, over: found.version) else { continue }
                    return mayHaveSettled ? settled(key, stored, record) : .alreadySettled
                case .alreadySettled: return .alreadySettled
                case .idUsedBefore: throw IdempotencyError.idUsedBefore
                case .changed: return .changed(found)
                case .notUnknown: return .notUnknown(found)
                }
            } catch {
                if let error = error as? IdempotencyError, error.code == .invalidSettlement { throw error }
                events.report(error, of: key)
                if let error = error as? IdempotencyError, error.isAboutAnswer { throw error }
                failures += 1
                guard failures < 3 else { throw IdempotencyError.settlementUncertain(error) }
            }
        }
        throw IdempotencyError.contention
    }

    /// `nil`: something else is there by now.
    private nonisolated(nonsending) func write(
        _ record: IdempotencyRecord,
        under key: IdempotencyKey,
        over version: RecordVersion
    ) async throws -> RecordVersion? {
        let answer = try await store.checkAndSet(key, expecting: version, .write(record))
        if case .stored(let stored) = answer { return stored }
        return nil
    }

    private func settled(
        _ key: IdempotencyKey,
        _ version: RecordVersion,
        _ record: IdempotencyRecord
    ) -> SettlementResult {
        events.report(.settled, key, StoredRecord(version: version, written: record))
        return .settled(version)
    }

    private func state(after finding: SettlementFinding, limit: Int) throws -> IdempotencyRecord.State {
        switch finding {
        case .done(let value): return .done(try keep(value, limit: limit))
        case .doneWithoutResult: return .done(.void)
        case .failed(let failure): return .failed(try keep(failure, limit: limit))
        case .runAgain: return .failed(.retryable(.didNotHappen))
        }
    }

    private func keep<Failure: FinalFailure>(_ failure: Failure, limit: Int) throws -> StoredFailure {
        try KeyText.validate(Failure.failureName, "The name of the failure \(Failure.self)", .invalidSettlement)
        return .final(name: Failure.failureName, value: try keep(failure as any Codable, limit: limit))
    }

    /// A person can give another value, so that no tombstone is kept instead.
    private func keep(_ value: any Codable, limit: Int) throws -> StoredValue {
        let kept = ResultKeeping.keep(value, with: codec, limit: limit)
        guard case .omitted(let omission) = kept else { return kept }
        throw IdempotencyError.cannotBeKept(omission)
    }
}
