/// Settling by hand: what a person found out about a run of which nobody knew whether it took effect.
@available(Idempotency 0.1, *)
extension RecordStateMachine {
    /// A settlement, with what it is to leave.
    struct SettlementRequest {
        /// The version that was looked at.
        let version: RecordVersion
        /// What was found out: done, failed for good, or a retryable failure, to run again.
        let state: IdempotencyRecord.State
        let settlement: Settlement
        let retention: Nanoseconds
    }

    /// What a settlement comes to.
    enum SettlementDecision: Equatable {
        /// Write this, over the version that was decided upon.
        case settle(IdempotencyRecord)
        /// It is made. Write this upon it, over the version that was decided upon: seen is not yet durable.
        case confirm(IdempotencyRecord)
        /// It was made, and the key has been claimed since.
        case alreadySettled
        /// The id was used for another finding, by another person, or for an earlier incident of this key.
        case idUsedBefore
        /// Another version is there than the one that was looked at.
        case changed
        /// There is nothing to find out.
        case notUnknown
    }

    /// Decides a settlement from what is stored.
    static func settle(_ stored: StoredRecord, _ request: SettlementRequest) -> SettlementDecision {
        let isCurrent = stored.version == request.version
        if let earlier = stored.record.settlement, UTF8Text.areEqual(earlier.id, request.settlement.id) {
            return repeated(stored, request, earlier, isCurrent)
        }
        guard isCurrent else { return .changed }
        guard isUnknown(stored) else { return .notUnknown }
        var record = stored.record
        if record.tokenNumber == 0 { record.tokenNumber = stored.version.rawValue }
        if case .failed(.retryable) = request.state {
            record.isKnownWithoutEffect = true
            // Whoever sets a key free wants it to run, whatever was tried before.
            record.attemptNumber = 0
            // Made the strictest when the attempts were used up.
            if record.state == .pending(unknown: .attemptsExhausted) { record.lapsePolicy = .rerun }
        }
        record.state = request.state
        record.claimant = request.settlement.claimant
        record.settlement = request.settlement
        finish(&record, request.retention)
        return .settle(record)
    }

    private static func repeated(
        _ stored: StoredRecord,
        _ request: SettlementRequest,
        _ earlier: Settlement,
        _ isCurrent: Bool
    ) -> SettlementDecision {
        guard stored.record.claimant == request.settlement.claimant else {
            // Claimed since. What is not known of that run is another question, and wants another id.
            return isCurrent && isUnknown(stored) ? .idUsedBefore : .alreadySettled
        }
        guard earlier == request.settlement, isSameFinding(stored.record.state, request.state) else {
            return .idUsedBefore
        }
        var record = stored.record
        // It goes when it would have gone.
        if record.retentionNanoseconds != IdempotencyRecord.never {
            record.retentionNanoseconds = max(1, stored.remainingNanoseconds)
        }
        return .confirm(record)
    }

    /// Whether nobody knows if the key's run took effect.
    private static func isUnknown(_ stored: StoredRecord) -> Bool {
        switch stored.record.state {
        case .done: false
        case .failed(.retryable(let reason)): reason == .threw || !stored.record.isKnownWithoutEffect
        case .failed: false
        case .pending: stored.remainingNanoseconds == 0
        }
    }

    /// Whether a finding may have been made of the same one before. A result is not compared: a codec may write it otherwise
    /// the next time.
    private static func isSameFinding(_ left: IdempotencyRecord.State, _ right: IdempotencyRecord.State) -> Bool {
        switch (left, right) {
        case (.done(let left), .done(let right)): (left == .void) == (right == .void)
        case (.failed(.final(let left, _)), .failed(.final(let right, _))): UTF8Text.areEqual(left, right)
        case (.failed(.retryable), .failed(.retryable)): true
        default: false
        }
    }
}
