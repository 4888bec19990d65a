/// Something that an operator would count or be paged for.
@available(Idempotency 0.1, *)
public struct IdempotencyEvent: Sendable {
    /// What happened. A structure over a private enumeration, so that a release may add kinds.
    public struct Kind: Hashable, Sendable, CaseIterable, CustomStringConvertible {
        private enum Name: String, CaseIterable {
            case claimed, replayed, waiting, waited, mismatched, takenOver, completed, failed, leaseLost, unknown
            case unsaved, failedOpen, storeFailed, storeBroken, renewed, notRenewed, wouldHaveReplayed
            case wouldHaveRefused, revoked, released, settled, refused
        }

        private let name: Name

        private init(_ name: Name) { self.name = name }

        /// The kind's name.
        public var description: String { name.rawValue }

        /// Every kind of this release: for a dashboard, or a counter of each that starts at zero.
        public static var allCases: [Kind] { Name.allCases.map { Kind($0) } }

        /// A call claimed its key and is about to run.
        public static let claimed = Kind(.claimed)
        /// A call was answered with the kept result or failure.
        public static let replayed = Kind(.replayed)
        /// A call began to wait for another's run.
        public static let waiting = Kind(.waiting)
        /// A call's wait for another's run is over, whatever came of it; the duration says how long it took.
        public static let waited = Kind(.waited)
        /// A key came with another payload than before.
        public static let mismatched = Kind(.mismatched)
        /// A call was refused: another's run is in progress, too many wait for it, or the attempts are used up. The error's
        /// code says which.
        public static let refused = Kind(.refused)
        /// A call claimed a key that another's lapsed run had left.
        public static let takenOver = Kind(.takenOver)
        /// A run ended and its result is kept.
        public static let completed = Kind(.completed)
        /// A run ended with an error.
        public static let failed = Kind(.failed)
        /// A run outlived its lease and another took the key over.
        public static let leaseLost = Kind(.leaseLost)
        /// Nobody knows whether a run took effect.
        public static let unknown = Kind(.unknown)
        /// A run ended, and its result could not be recorded within the lease.
        public static let unsaved = Kind(.unsaved)
        /// The store did not answer, and the handler ran without protection.
        public static let failedOpen = Kind(.failedOpen)
        /// A call to the store threw.
        public static let storeFailed = Kind(.storeFailed)
        /// The store broke its contract: its answer was thrown away. Page somebody.
        public static let storeBroken = Kind(.storeBroken)
        /// A lease was renewed.
        public static let renewed = Kind(.renewed)
        /// A renewal failed.
        public static let notRenewed = Kind(.notRenewed)
        /// In mode `.observeOnly`: a duplicate ran that would have been answered with the kept result.
        public static let wouldHaveReplayed = Kind(.wouldHaveReplayed)
        /// In mode `.observeOnly`: a call ran that would have been refused or would have waited.
        public static let wouldHaveRefused = Kind(.wouldHaveRefused)
        /// A key was revoked before it ran.
        public static let revoked = Kind(.revoked)
        /// A claim was given back before its handler was entered.
        public static let released = Kind(.released)
        /// A person settled a key whose outcome nobody knew.
        public static let settled = Kind(.settled)
    }

    /// What happened.
    public let kind: Kind
    private let key: IdempotencyKey
    /// Where the key stands after it; `nil` where that is not known, or not what the event is about.
    public let state: RecordState?
    /// Which attempt of the key this was; 0 where there is none.
    public let attempt: Int
    /// How long the run took, for events that end one; how long the wait took, for ``Kind/waited``.
    public let duration: Duration?
    /// The error, for events that tell of one. Its description may hold what is not safe to log.
    public let error: (any Error)?

    /// Where the key counts.
    public var scope: IdempotencyScope { key.scope }

    /// Names the key without showing it, so that all that was said of one key can be found: ``IdempotencyKey/reference``.
    /// Computed when it is asked for. Too many to be a metric's dimension.
    public var keyReference: String { key.reference }

    init(
        _ kind: Kind,
        _ key: IdempotencyKey,
        state: RecordState?,
        attempt: Int,
        duration: Duration?,
        error: (any Error)?
    ) {
        self.kind = kind
        self.key = key
        self.state = state
        self.attempt = attempt
        self.duration = duration
        self.error = error
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyEvent: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The kind, the operation, the key's reference, the attempt, the state, and the type of the error; never what an error holds.
    public var description: String {
        var text = "\(kind), \(scope), key \(keyReference), attempt \(attempt)"
        if let state { text += ", \(state)" }
        if let duration { text += ", \(duration)" }
        if let error { text += ", \(type(of: error))" }
        return text
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the error.
    public var customMirror: Mirror { Mirror(self, children: ["event": description], displayStyle: .struct) }
}
