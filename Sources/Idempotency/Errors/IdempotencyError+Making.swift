/// The engine's errors, each with the advice that belongs to it.
@available(Idempotency 0.1, *)
extension IdempotencyError {
    /// Whether the store holds a record that this release cannot read.
    var isAboutRecord: Bool { code == .corruptRecord || code == .unsupportedRecordVersion }

    static var contention: IdempotencyError {
        IdempotencyError(
            .contention,
            "Too many other writers changed this key's record in between. Nothing ran; call again."
        )
    }

    static var versionDidNotGrow: IdempotencyError {
        IdempotencyError(
            .brokenStore,
            "The store answered with a version that did not grow. Stop using it for this service until it passes the "
                + "conformance suite."
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

    static func leaseLost(_ attached: AttachedResult?) -> IdempotencyError {
        IdempotencyError(
            .leaseLost,
            "The handler outlived its lease, and the key is another's or its record is gone. Its effect may have happened "
                + "twice unless a fencing token or a transaction stopped it; lengthen the lease or maximumRunTime.",
            attachedResult: attached
        )
    }

    static func resultNotSaved(_ attached: AttachedResult?, cause: any Error) -> IdempotencyError {
        IdempotencyError(
            .resultNotSaved,
            "The handler ran, but its outcome could not be recorded before its lease was over. The key is not released; "
                + "when the lease ends, its lapse policy decides.",
            cause: cause,
            attachedResult: attached
        )
    }

    static func storeUnavailable(_ cause: any Error) -> IdempotencyError {
        IdempotencyError(
            .storeUnavailable,
            "The store did not answer. The handler did not run; retry with the same key.",
            cause: cause
        )
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
        }
    }
}
