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
        let state = try state(after: finding, limit: policy.maximumResultSize)
        var failures = 0
        var hasSent = false
        for _ in 0..<64 {
            do {
                // What is there decides each time anew: after a lost reply it may be this settlement.
                guard let found = try await store.load(key) else { return .changed(nil) }
                let record: IdempotencyRecord
                // What is there of a settlement that this call has sent is this call's.
                var isRepetition = false
                if found.version == version {
                    switch RecordStateMachine.settle(
                        found,
                        as: state,
                        by: settlement,
                        retention: policy.retentionNanoseconds
                    ) {
                    case .success(let settled): record = settled
                    case .failure: return isSettled(found, by: settlement) ? .alreadySettled : .notUnknown(found)
                    }
                } else {
                    guard isSettled(found, by: settlement) else { return .changed(found) }
                    // Somebody has claimed the key since: more is not to be seen.
                    guard found.record.claimant == settlement.claimant else { return .alreadySettled }
                    guard found.record.settlement == settlement, isSameFinding(found.record.state, state) else {
                        throw IdempotencyError.idUsedBefore
                    }
                    // Seen is not yet durable: it counts once a write upon it is acknowledged.
                    record = found.record
                    isRepetition = !hasSent
                }
                hasSent = true
                let answer = try await store.checkAndSet(key, expecting: found.version, .write(record))
                guard case .stored(let stored) = answer else { continue }
                if isRepetition { return .alreadySettled }
                events.report(.settled, key, StoredRecord(version: stored, written: record))
                return .settled(stored)
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

    private func isSettled(_ found: StoredRecord, by settlement: Settlement) -> Bool {
        found.record.settlement.map { UTF8Text.areEqual($0.id, settlement.id) } ?? false
    }

    /// Whether a finding may have been made of the same one before. A result is not compared: a codec may write it otherwise
    /// the next time.
    private func isSameFinding(_ left: IdempotencyRecord.State, _ right: IdempotencyRecord.State) -> Bool {
        switch (left, right) {
        case (.done(let left), .done(let right)): (left == .void) == (right == .void)
        case (.failed(.final(let left, _)), .failed(.final(let right, _))): UTF8Text.areEqual(left, right)
        case (.failed(.retryable), .failed(.retryable)): true
        default: false
        }
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
