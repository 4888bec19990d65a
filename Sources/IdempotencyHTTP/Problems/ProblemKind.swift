internal import Idempotency

/// What can be wrong with a request, and what becomes of it instead: a problem type of RFC 9457, each.
@available(Idempotency 0.1, *)
enum ProblemKind: String, CaseIterable {
    case keyMissing = "key-missing"
    case keyMalformed = "key-malformed"
    case principalMissing = "principal-missing"
    case contentIncomplete = "content-incomplete"
    case contentTooLarge = "content-too-large"
    case contentEncodingUnknown = "content-encoding-unknown"
    case keyReused = "key-reused"
    case inProgress = "in-progress"
    case attemptFailed = "attempt-failed"
    case outcomeUnknown = "outcome-unknown"
    case outcomeUncertain = "outcome-uncertain"
    case responseNotKept = "response-not-kept"
    case attemptsExhausted = "attempts-exhausted"
    case revoked = "revoked"
    case failed = "failed"
    case unavailable = "unavailable"
    case recordUnreadable = "record-unreadable"
    case protectedTwice = "protected-twice"

    /// Sections 2.6 and 2.7 of the draft for 400, 409 and 422; RFC 9110 for the others.
    var status: Int {
        switch self {
        case .keyMissing, .keyMalformed, .contentIncomplete: 400
        case .principalMissing: 403
        case .inProgress, .outcomeUnknown, .responseNotKept, .attemptsExhausted, .revoked, .failed: 409
        case .contentTooLarge: 413
        case .contentEncodingUnknown: 415
        case .keyReused: 422
        case .recordUnreadable, .protectedTwice: 500
        case .attemptFailed, .outcomeUncertain, .unavailable: 503
        }
    }

    var title: String {
        switch self {
        case .keyMissing: "Idempotency-Key is missing"
        case .keyMalformed: "Idempotency-Key is malformed"
        case .principalMissing: "The sender is not known"
        case .contentIncomplete: "The body is incomplete"
        case .contentTooLarge: "The body is too large"
        case .contentEncodingUnknown: "The body's encoding is not known"
        case .keyReused: "Idempotency-Key was used for another request"
        case .inProgress: "A request with this Idempotency-Key is in progress"
        case .attemptFailed: "The request that this one repeats has failed"
        case .outcomeUnknown: "What became of this request is not known"
        case .outcomeUncertain: "What became of this request has to be asked again"
        case .responseNotKept: "The request was carried out before; its response was not kept"
        case .attemptsExhausted: "The request was tried too often"
        case .revoked: "The request was revoked"
        case .failed: "The request has failed for good"
        case .unavailable: "Requests cannot be protected at the moment"
        case .recordUnreadable: "What is kept of this request cannot be read"
        case .protectedTwice: "The service protects this request twice"
        }
    }

    /// What the client is to do about it.
    var detail: String {
        switch self {
        case .keyMissing:
            "This operation needs the header field Idempotency-Key. Send it with a fresh key for each new request, and with the "
                + "same key when you repeat one. Nothing was done."
        case .keyMalformed:
            "Nothing was done."
        case .principalMissing:
            "This operation remembers requests by who sent them, and nobody is known to have sent this one. Authenticate, and send "
                + "it again. Nothing was done."
        case .contentIncomplete:
            "The body is shorter than Content-Length says. Send all of it, with the same key. Nothing was done."
        case .contentTooLarge:
            "Nothing was done."
        case .contentEncodingUnknown:
            "The field Content-Encoding names a coding that this service does not know. Nothing was done."
        case .keyReused:
            "An earlier request with this key was not the same. Repeat a request as it was, or use a fresh key for a new one. Nothing "
                + "was done."
        case .inProgress:
            "An earlier request with this key is still being carried out. Repeat this one after the time in Retry-After, and you get "
                + "its response."
        case .attemptFailed:
            "The request that was being carried out with this key has failed. Repeat this one, with the same key, to have it tried again."
        case .outcomeUnknown:
            "An earlier request with this key may have been carried out or not, and is not tried again until somebody has found out. "
                + "Ask the service what became of it; do not send it with another key before you know."
        case .outcomeUncertain:
            "The request was carried out, and its response could not be kept. Repeat it, with the same key, to learn what counts."
        case .responseNotKept:
            "An earlier request with this key was carried out, and its response was too long to be kept, or a stream. It is not "
                + "carried out again; look up what it made, under Location if that is here."
        case .attemptsExhausted:
            "The request was tried with this key as often as the service allows. It is not tried again; ask the service what became of it."
        case .revoked:
            "The service has revoked this key, and does not carry out its request. Use a fresh key if it is to be carried out after all."
        case .failed:
            "An earlier request with this key has failed, and is not carried out again. Ask the service why; use a fresh key for a new one."
        case .unavailable:
            "The service cannot remember requests at the moment, and does not carry out what it cannot remember. Nothing was done; "
                + "repeat the request, with the same key, after the time in Retry-After."
        case .recordUnreadable:
            "The service cannot read what it has kept of an earlier request with this key. This one was not carried out; tell the service."
        case .protectedTwice:
            "The service checks Idempotency-Key twice on the way to this operation, and the request would wait for itself. Nothing was "
                + "done; tell the service to take one of the two checks away."
        }
    }

    /// What an error of a call says to a client. `nil`: it is none of the client's business.
    init?(_ code: IdempotencyError.Code) {
        switch code {
        case .fingerprintMismatch: self = .keyReused
        case .inProgress: self = .inProgress
        case .attemptFailed: self = .attemptFailed
        case .outcomeUnknown: self = .outcomeUnknown
        case .leaseLost, .resultNotSaved: self = .outcomeUncertain
        case .resultNotKept: self = .responseNotKept
        case .attemptsExhausted: self = .attemptsExhausted
        case .revoked: self = .revoked
        case .storeUnavailable, .capacityExceeded, .contention, .tooManyWaiters, .shutDown: self = .unavailable
        case .undeclaredFailure: self = .failed
        case .corruptRecord, .unsupportedRecordVersion, .brokenStore, .undecodableResult: self = .recordUnreadable
        default: return nil
        }
    }
}
