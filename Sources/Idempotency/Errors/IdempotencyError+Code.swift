@available(Idempotency 0.1, *)
extension IdempotencyError {
    /// What went wrong. A structure and not an enumeration, so that a release may add codes without breaking a `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case invalidKey, invalidPolicy, fingerprintMismatch, fingerprintNotComputable, inProgress, outcomeUnknown
            case attemptFailed, attemptsExhausted, leaseLost, resultNotSaved, resultNotKept, undecodableResult
            case undeclaredFailure, revoked, storeUnavailable, brokenStore, capacityExceeded, contention
            case tooManyWaiters, recursiveCall, repeatedStep, shutDown, nonCodableResult
            case corruptRecord, unsupportedRecordVersion, invalidCursor, invalidQuery, invalidSettlement
            case invalidConfiguration, unsupportedSchemaVersion
        }

        private let name: Name

        private init(_ name: Name) { self.name = name }

        /// The code's name.
        public var description: String { name.rawValue }

        /// A key or a scope is empty, too long, or holds control characters. Nothing ran, nothing was stored.
        public static let invalidKey = Code(.invalidKey)
        /// The parts of a policy cannot work together. Nothing ran, nothing was stored.
        public static let invalidPolicy = Code(.invalidPolicy)
        /// The key was used before with another payload. Nothing ran.
        public static let fingerprintMismatch = Code(.fingerprintMismatch)
        /// The request cannot be encoded, so that it has no fingerprint. Nothing ran.
        public static let fingerprintNotComputable = Code(.fingerprintNotComputable)
        /// Another call with this key is being run, and the wait for it is over. Call again later.
        public static let inProgress = Code(.inProgress)
        /// Nobody knows whether the handler took effect. A person or a reconcile hook has to find out.
        public static let outcomeUnknown = Code(.outcomeUnknown)
        /// The run that this call waited for failed. Call again to run it again.
        public static let attemptFailed = Code(.attemptFailed)
        /// The key was tried as often as its policy allows.
        public static let attemptsExhausted = Code(.attemptsExhausted)
        /// The handler outlived its lease and another claim took the key over.
        public static let leaseLost = Code(.leaseLost)
        /// The handler ran, but its result could not be recorded within its lease.
        public static let resultNotSaved = Code(.resultNotSaved)
        /// The handler ran earlier, but its result was too large or could not be encoded, so that it cannot be replayed.
        public static let resultNotKept = Code(.resultNotKept)
        /// The stored result cannot be read as the type asked for.
        public static let undecodableResult = Code(.undecodableResult)
        /// The key failed for good with an error whose type this call does not declare.
        public static let undeclaredFailure = Code(.undeclaredFailure)
        /// The key was revoked before it ran.
        public static let revoked = Code(.revoked)
        /// The store did not answer. Nothing ran, unless the policy fails open.
        public static let storeUnavailable = Code(.storeUnavailable)
        /// The store broke its contract: it answered with the record of another key, or with a version that did not grow.
        public static let brokenStore = Code(.brokenStore)
        /// The store holds as many unexpired records as it may.
        public static let capacityExceeded = Code(.capacityExceeded)
        /// Too many other writers came in between. Call again.
        public static let contention = Code(.contention)
        /// As many callers wait for this key as the policy allows.
        public static let tooManyWaiters = Code(.tooManyWaiters)
        /// A handler called with its own key from inside, which could only wait for itself.
        public static let recursiveCall = Code(.recursiveCall)
        /// A run used one name for two steps.
        public static let repeatedStep = Code(.repeatedStep)
        /// The interceptor is shut down.
        public static let shutDown = Code(.shutDown)
        /// A handler returns a type that is not `Codable`, so that its result could never be replayed. Nothing ran.
        public static let nonCodableResult = Code(.nonCodableResult)
        /// A stored record is damaged.
        public static let corruptRecord = Code(.corruptRecord)
        /// A stored record was written by a newer release of this library.
        public static let unsupportedRecordVersion = Code(.unsupportedRecordVersion)
        /// A cursor is not one that the store handed out.
        public static let invalidCursor = Code(.invalidCursor)
        /// A query does not say what it has to.
        public static let invalidQuery = Code(.invalidQuery)
        /// A store cannot be made as it was asked for. Nothing was changed.
        public static let invalidConfiguration = Code(.invalidConfiguration)
        /// A store's tables were made by a newer release of this library. Nothing was changed.
        public static let unsupportedSchemaVersion = Code(.unsupportedSchemaVersion)
        /// A settlement cannot be made as it was given. Nothing was changed.
        public static let invalidSettlement = Code(.invalidSettlement)
    }
}
