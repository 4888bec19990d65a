/// The engine's errors, each with the advice that belongs to it.
@available(Idempotency 0.1, *)
extension IdempotencyError {
    /// Whether the store did answer, with what this release cannot read or must not believe. To ask again does not help.
    var isAboutAnswer: Bool { code == .corruptRecord || code == .unsupportedRecordVersion || code == .brokenStore }

    static var contention: IdempotencyError {
        IdempotencyError(
            .contention,
            "Too many other writers changed this key's record in between. Nothing ran; call again."
        )
    }

    static var writeRefusedAgain: IdempotencyError {
        IdempotencyError(
            .contention,
            "The store refused a write on the record's version again and again, although it answered that the record had this "
                + "very version. Look whether the store passes the conformance suite."
        )
    }

    static var slowerThanLease: IdempotencyError {
        IdempotencyError(
            .storeUnavailable,
            "The store's replies take longer than the lease. Lengthen the lease, or have the store give up sooner."
        )
    }

    static var versionDidNotGrow: IdempotencyError {
        broken("The store answered a write with a version that is not greater than the one before")
    }

    static var versionWentBack: IdempotencyError {
        broken(
            "The store answered with an older version of a record than it had before, or refused the version that it has"
        )
    }

    static var recordOfAnotherKey: IdempotencyError {
        broken("The store answered with the record of another key")
    }

    private static func broken(_ what: String) -> IdempotencyError {
        IdempotencyError(
            .brokenStore,
            "\(what). Nothing of the answer was used; look whether replies are mixed up, a replica is read or a backup was "
                + "played back, and stop using the store until it passes the conformance suite."
        )
    }

    static var idUsedBefore: IdempotencyError {
        IdempotencyError(
            .invalidSettlement,
            "This settlement's id was used for this key before: for another finding, by somebody else, or for a run before "
                + "the last. Nothing was changed; look at the record, and use a new id for a new decision."
        )
    }

    static func cannotBeKept(_ omission: StoredValue.Omission) -> IdempotencyError {
        IdempotencyError(
            .invalidSettlement,
            omission == .notEncodable
                ? "The result cannot be encoded. Nothing was changed; give one that the codec can encode."
                : "The result is larger than the policy's maximumResultSize. Nothing was changed; raise the limit."
        )
    }

    static func settlementUncertain(_ cause: (any Error)?) -> IdempotencyError {
        IdempotencyError(
            .storeUnavailable,
            "The store did not answer, and the settlement may have been made or not. Repeat it with the same version and "
                + "the same settlement: it is made once.",
            cause: cause
        )
    }

    static var shutDown: IdempotencyError {
        IdempotencyError(.shutDown, "This interceptor is shut down. Nothing ran; call another instance.")
    }

    static var recursiveCall: IdempotencyError {
        IdempotencyError(
            .recursiveCall,
            "A handler called with its own key from inside, and would wait for itself. Use `execution.key(for:)` for "
                + "inner calls, or `execution.step`."
        )
    }

    static var tooManyWaiters: IdempotencyError {
        IdempotencyError(
            .tooManyWaiters,
            "As many callers wait for this key as the policy's maximumWaiters allows. Nothing ran; retry later."
        )
    }

    static var fingerprintMismatch: IdempotencyError {
        IdempotencyError(
            .fingerprintMismatch,
            "This key was used before with another payload. Nothing ran; send the first payload again, or use a new key."
        )
    }

    static func inProgress(remaining: Duration) -> IdempotencyError {
        IdempotencyError(
            .inProgress,
            "Another call with this key is being run. Retry later with the same key.",
            remaining: remaining
        )
    }

    static func unknown(_ outcome: UnknownOutcome) -> IdempotencyError {
        IdempotencyError(
            .outcomeUnknown,
            "Nobody knows whether attempt \(outcome.attempt) took effect (\(outcome.reason)). Nothing ran; find out what "
                + "became of it and settle the key, or give the policy a reconcile hook.",
            cause: outcome.cause
        )
    }

    static var attemptFailed: IdempotencyError {
        IdempotencyError(.attemptFailed, "The run that this call waited for failed. Call again to run it again.")
    }

    static func attemptsExhausted(_ attempts: Int, isKnownWithoutEffect: Bool) -> IdempotencyError {
        IdempotencyError(
            .attemptsExhausted,
            "This key was tried \(attempts) times, as often as its policy allows. "
                + (isKnownWithoutEffect
                    ? "None of the attempts took effect; use a new key to try again."
                    : "Whether one of them took effect is not known; find out before you try again.")
        )
    }

    static var revoked: IdempotencyError {
        IdempotencyError(.revoked, "This key was revoked before it ran. Nothing ran; use a new key if it is to run.")
    }

    static func leaseLost(_ attached: AttachedResult? = nil, of run: Run?) -> IdempotencyError {
        IdempotencyError(
            .leaseLost,
            "The handler outlived its lease, and the key is another's or its record is gone. Its effect may have happened "
                + "twice unless a fencing token or a transaction stopped it; lengthen the lease or maximumRunTime.",
            attachedResult: attached,
            claimant: run?.claimant
        )
    }

    static func resultNotSaved(
        _ attached: AttachedResult? = nil,
        of run: Run?,
        cause: any Error
    ) -> IdempotencyError {
        IdempotencyError(
            .resultNotSaved,
            "The handler ran, but its outcome could not be recorded before its lease was over. The key is not released; "
                + "when the lease ends, its lapse policy decides.",
            cause: cause,
            attachedResult: attached,
            claimant: run?.claimant
        )
    }

    /// Of a transaction that is the service's own to undo.
    package static var leaseLostInOpenTransaction: IdempotencyError {
        IdempotencyError(
            .leaseLost,
            "The run outlived its lease, and the key is another's or its record is gone. Roll its transaction back, and "
                + "lengthen the lease or maximumRunTime."
        )
    }

    /// Of a transaction that the service says it has committed.
    static var leaseLostBeforeCommit: IdempotencyError {
        IdempotencyError(
            .leaseLost,
            "The run outlived its lease, and the key is another's or its record is gone. If its transaction was committed, the "
                + "effect is there without a record: put it right, and commit only after SQLFinish.check(_:)."
        )
    }

    package static var leaseLostInTransaction: IdempotencyError {
        IdempotencyError(
            .leaseLost,
            "The run outlived its lease, and the key is another's or its record is gone. Its transaction was rolled back, and "
                + "nothing of it took effect; lengthen the lease or maximumRunTime."
        )
    }

    static func commitUnknown(_ cause: any Error) -> IdempotencyError {
        IdempotencyError(
            .resultNotSaved,
            "The database did not say whether the transaction was committed. Effect and result are both there or neither; "
                + "call again with the same key to learn which.",
            cause: cause
        )
    }

    static var notCommitted: IdempotencyError {
        IdempotencyError(
            .resultNotSaved,
            "The record is not finished in the database, although the transaction is said to be committed. Run the finish's "
                + "statements in the transaction that has the effect, check their rows, and commit; call again with the same key."
        )
    }

    static func stepUnknown(_ cause: any Error) -> IdempotencyError {
        IdempotencyError(
            .resultNotSaved,
            "The database did not say whether the step's transaction was committed. Its effect and its result are both there "
                + "or neither; call again with the same key to go on from there.",
            cause: cause
        )
    }

    /// The store did not answer a call, whose handler has not been entered. What it did answer, and cannot be used, stays
    /// what it is.
    static func storeUnavailable(_ cause: any Error) -> IdempotencyError {
        unavailable("The store did not answer. The handler did not run; retry with the same key.", cause)
    }

    /// The store did not answer a run that asked whether the key is still its own.
    static func leaseUncertain(_ cause: any Error) -> IdempotencyError {
        unavailable(
            "The store did not answer, and whether the key is still this run's is not known. Make no further effect.",
            cause
        )
    }

    /// The store did not answer when it was told what a reconcile hook had found out.
    static func findingNotSaved(_ cause: any Error) -> IdempotencyError {
        unavailable(
            "The reconcile hook has answered, and the store could not be told. The handler did not run; retry with the same "
                + "key, and the hook is asked again.",
            cause
        )
    }

    private static func unavailable(_ message: String, _ cause: any Error) -> IdempotencyError {
        if let cause = cause as? IdempotencyError, cause.isAboutAnswer { return cause }
        return IdempotencyError(.storeUnavailable, message, cause: cause)
    }

    static var nonCodableResult: IdempotencyError {
        IdempotencyError(
            .nonCodableResult,
            "The handler's result is not Codable, so that it could never be replayed. Nothing ran; make it Codable, or "
                + "return nothing."
        )
    }

    static func undeclaredFailure(_ name: String) -> IdempotencyError {
        IdempotencyError(
            .undeclaredFailure,
            "This key failed for good with the failure '\(name)', which this call does not declare. Nothing ran; name "
                + "its type in `failures:`."
        )
    }

    static var repeatedStep: IdempotencyError {
        IdempotencyError(
            .repeatedStep,
            "A run used one name for two steps, so that a re-run could not tell them apart. Give each step its own name."
        )
    }

    static func undecodable(_ what: String, cause: (any Error)? = nil) -> IdempotencyError {
        IdempotencyError(
            .undecodableResult,
            "The kept result cannot be read \(what). Nothing was run again: make the type read what earlier releases "
                + "wrote, or use a new operation name for the new type.",
            cause: cause
        )
    }

    static func notKept(_ omission: StoredValue.Omission) -> IdempotencyError {
        switch omission {
        case .tooLarge:
            IdempotencyError(
                .resultNotKept,
                "The handler ran before, but its result was larger than the policy's limit and was not kept. It is never "
                    + "run again for that; look the effect up, or raise `maximumResultSize`."
            )
        case .notEncodable:
            IdempotencyError(
                .resultNotKept,
                "The handler ran before, but its result could not be encoded and was not kept. It is never run again for "
                    + "that; look the effect up, and mend the type's encoding."
            )
        case .storeWasAway:
            IdempotencyError(
                .resultNotKept,
                "The handler ran before while the store was away, and too many results waited to be recorded, so this one was "
                    + "not kept. It is never run again for that; look the effect up."
            )
        }
    }
}
