/// What a run knows about its own record. Pure: the engine talks to the store, and reports here what came back.
@available(Idempotency 0.1, *)
struct RunState {
    enum Phase {
        /// The claim is not made yet, or was refused.
        case claiming
        /// The claim is ours, as far as we know.
        case held
        /// The key is another's, or its record is gone.
        case lost
        /// The last write is made.
        case ended
    }

    private(set) var phase = Phase.claiming
    /// The run in whose handler this one began.
    var enclosing: Run?
    /// What the last acknowledged write left in the store.
    private(set) var stored: StoredRecord?
    /// When our lease ends at the latest, by the engine's clock: counted from before the write was sent.
    private(set) var leaseEnd: Nanoseconds = 0
    /// When the first claim of this run was sent.
    private(set) var startedAt: Nanoseconds = 0
    /// When the lease is to be renewed; far away while no renewal is wanted.
    private(set) var renewalDue = Nanoseconds.max
    /// Whether a write's reply was lost, so that the store has to be read before the next write.
    private(set) var isUncertain = false
    /// Whether somebody in this process waits who wants to hear of the claim at once.
    private(set) var hasImpatientFollowers = false
    /// Whether the run waits for another interceptor's.
    private(set) var isWaitingForAnother = false
    /// Whether the handler has been left although the record is not finished.
    private(set) var hasLeft = false
    /// Wakes the run while it waits for another interceptor's run.
    var waitSignal: OneShot<WaitEnd>?
    /// By their bytes, as everywhere: `String` calls some different texts equal.
    private var stepNames: Set<[UInt8]> = []
    private var isWriting = false
    private var turns: [OneShot<Void>] = []

    init(enclosing: Run?) {
        self.enclosing = enclosing
    }

    var token: FencingToken? {
        guard let stored, phase != .claiming else { return nil }
        return stored.record.token ?? FencingToken(rawValue: stored.version.rawValue)
    }

    // MARK: Writes

    /// The claim was acknowledged. Returns whether followers want to hear of it.
    mutating func claimed(_ claim: StoredRecord, sentAt: Nanoseconds, renewUntil: Nanoseconds) -> Bool {
        startedAt = sentAt
        wrote(claim, sentAt: sentAt, renewUntil: renewUntil)
        return hasImpatientFollowers
    }

    /// A write was acknowledged that leaves the run holding its claim.
    mutating func wrote(_ written: StoredRecord, sentAt: Nanoseconds, renewUntil: Nanoseconds) {
        stored = written
        phase = .held
        isUncertain = false
        leaseEnd = sentAt.addingClamped(written.record.leaseNanoseconds)
        // Two renewals may fail before the lease is over.
        let due = sentAt.addingClamped(written.record.leaseNanoseconds / 3)
        renewalDue = due < renewUntil ? due : .max
    }

    /// A record with our claimant was read: go on from its version.
    mutating func adopt(_ found: StoredRecord, at now: Nanoseconds) {
        if startedAt == 0 { startedAt = now }
        stored = found
        phase = .held
        isUncertain = false
    }

    mutating func replyLost() {
        isUncertain = true
    }

    mutating func renewalFailed(nextTry: Nanoseconds) {
        if renewalDue != .max { renewalDue = nextTry }
    }

    /// A renewal is on its way: no second one until it reports.
    mutating func takeRenewal(dueAt now: Nanoseconds, nextTry: Nanoseconds) -> Bool {
        guard phase == .held, renewalDue <= now else { return false }
        renewalDue = nextTry
        return true
    }

    mutating func lose() {
        phase = .lost
        renewalDue = .max
    }

    mutating func end(_ stored: StoredRecord?) {
        if let stored { self.stored = stored }
        phase = .ended
        renewalDue = .max
    }

    /// Returns whether it is the first time.
    mutating func waitForAnother() -> Bool {
        defer { isWaitingForAnother = true }
        return !isWaitingForAnother
    }

    /// The handler is left, and its record is another's, or could not be finished.
    mutating func leave() {
        hasLeft = true
        renewalDue = .max
    }

    /// Whether a call from inside the handler could only wait for it.
    var isInProgress: Bool { phase != .ended && !hasLeft }

    /// Before a reader learns of a claim whose write failed: whoever joins now has to be told when it is made.
    mutating func follow(impatiently: Bool) {
        if phase == .claiming, impatiently { hasImpatientFollowers = true }
    }

    // MARK: One writer at a time

    /// What a writer finds when its turn has come.
    struct Turn {
        /// To be waited for first, where another write is under way; what is said here holds no more then.
        var wait: OneShot<Void>?
        var phase: Phase
        var stored: StoredRecord?
        var isUncertain: Bool
    }

    mutating func askForTurn() -> Turn {
        var wait: OneShot<Void>?
        if isWriting {
            wait = OneShot<Void>()
            turns.append(wait!)
        }
        isWriting = true
        return Turn(wait: wait, phase: phase, stored: stored, isUncertain: isUncertain)
    }

    var turn: Turn { Turn(wait: nil, phase: phase, stored: stored, isUncertain: isUncertain) }

    mutating func endWriting() -> OneShot<Void>? {
        if turns.isEmpty {
            isWriting = false
            return nil
        }
        return turns.removeFirst()
    }

    // MARK: Steps

    /// Whether the name is new in this run.
    mutating func beginStep(_ name: String) -> Bool {
        stepNames.insert(Array(name.utf8)).inserted
    }
}
