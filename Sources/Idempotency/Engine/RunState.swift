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
    /// What the last claim that was sent was to be written over.
    var claimExpected: RecordVersion?
    /// What the last acknowledged write left in the store.
    private(set) var stored: StoredRecord?
    /// When our lease ends at the latest, by the engine's clock: counted from before the write was sent.
    private(set) var leaseEnd: Nanoseconds = 0
    /// When the first claim of this run was sent.
    private(set) var startedAt: Nanoseconds = 0
    /// When the lease is to be renewed; far away while no renewal is wanted.
    private(set) var renewalDue = Nanoseconds.max
    /// When renewals end, whatever the handler does.
    private var renewUntil = Nanoseconds.max
    private var isRenewing = false
    /// Whether a write's reply was lost, so that the store has to be read before the next write.
    private(set) var isUncertain = false
    /// Whether somebody in this process waits who wants to hear of the claim at once.
    private(set) var hasImpatientFollowers = false
    /// Whether the run waits for another interceptor's.
    private(set) var isWaitingForAnother = false
    /// Whether the handler has been left although the record is not finished.
    private(set) var hasLeft = false
    private var isWriting = false
    private var keptSeldom: Seldom?

    private var hasSeldom: Bool { keptSeldom != nil }

    private var seldom: Seldom {
        get { keptSeldom ?? Seldom() }
        _modify {
            if keptSeldom == nil { keptSeldom = Seldom() }
            yield &keptSeldom!
        }
    }

    /// The attempt that this run's callers waited for last, in this process or another one.
    var awaited: AwaitedAttempt? {
        get { keptSeldom?.awaited }
        set { if newValue != nil || hasSeldom { seldom.awaited = newValue } }
    }

    /// The attempt that the callers of this run's flight wait for once this run is left. It is the run's own attempt if its
    /// handler was left, and else the one that the run waited for.
    var awaitedByFollowers: AwaitedAttempt? {
        guard hasLeft, let stored else { return awaited }
        return AwaitedAttempt(stored.record)
    }

    /// Why the store did not answer the claim of a run that does without it.
    var opening: (any Error)? {
        get { keptSeldom?.opening }
        set { if newValue != nil || hasSeldom { seldom.opening = newValue } }
    }

    /// Wakes the run while it waits for another interceptor's run.
    var waitSignal: OneShot<WaitEnd>? {
        get { keptSeldom?.waitSignal }
        set { seldom.waitSignal = newValue }
    }

    /// What most runs never need, kept apart because every call makes a state.
    private struct Seldom {
        var waitSignal: OneShot<WaitEnd>?
        var awaited: AwaitedAttempt?
        var opening: (any Error)?
        /// By their bytes, as everywhere: `String` calls some different texts equal.
        var stepNames: Set<[UInt8]> = []
        /// Who waits for the turn to write.
        var line: [OneShot<Void>] = []
    }

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

    /// A write was acknowledged.
    mutating func wrote(_ written: StoredRecord, sentAt: Nanoseconds, renewUntil: Nanoseconds) {
        stored = written
        guard written.record.isPending, written.record.leaseNanoseconds > 0 else { return end() }
        phase = .held
        isUncertain = false
        leaseEnd = sentAt.addingClamped(written.record.leaseNanoseconds)
        // Two renewals may fail before the lease is over.
        self.renewUntil = renewUntil
        planRenewal(sentAt.addingClamped(written.record.leaseNanoseconds / 3))
    }

    private mutating func planRenewal(_ due: Nanoseconds) {
        renewalDue = due < renewUntil ? due : .max
    }

    /// The record is a newer release's: it is not for this one to renew.
    mutating func giveUpRenewing() {
        renewUntil = .min
        renewalDue = .max
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
        if renewalDue != .max { planRenewal(nextTry) }
    }

    /// Takes on a renewal that is due, unless one is on its way.
    mutating func takeRenewal(dueAt now: Nanoseconds, nextTry: Nanoseconds) -> Bool {
        guard phase == .held, renewalDue <= now else { return false }
        planRenewal(nextTry)
        // The call may come late, when the machine was asleep.
        guard now < renewUntil else { return false }
        guard !isRenewing else { return false }
        isRenewing = true
        return true
    }

    mutating func renewalEnded() {
        isRenewing = false
    }

    mutating func lose() {
        phase = .lost
        renewalDue = .max
    }

    /// Nothing is left to write.
    mutating func end() {
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

    /// What a writer is to do.
    enum Turn {
        /// Write this over that version.
        case write(IdempotencyRecord, over: RecordVersion)
        /// A reply was lost: read what is there first.
        case read
        case refused(RecordStateMachine.Refusal)
        case lost
        case ended
    }

    /// Takes the turn to write, or gets in line for it: then the signal says when it has come.
    mutating func takeTurn() -> OneShot<Void>? {
        guard isWriting else {
            isWriting = true
            return nil
        }
        let signal = OneShot<Void>()
        seldom.line.append(signal)
        return signal
    }

    /// Takes the turn if nobody has it, and there is nothing to do but to write.
    ///
    /// - Parameter record: What to write; set only if the answer is not `nil`.
    /// - Returns: The version that it goes over; `nil`: the turn was not taken.
    mutating func takeTurnAtOnce(
        for event: RecordStateMachine.Event,
        by claimant: Claimant,
        lease: Nanoseconds,
        record: inout IdempotencyRecord?
    ) -> RecordVersion? {
        guard !isWriting, phase == .held, !isUncertain, let version = stored?.version else { return nil }
        record = stored?.record
        guard RecordStateMachine.apply(event, by: claimant, to: &record, at: version, lease: lease) == nil else {
            return nil
        }
        isWriting = true
        return version
    }

    /// What whoever has the turn is to do for its event: the pure transition, applied to what the store was last seen to hold.
    func turn(for event: RecordStateMachine.Event, by claimant: Claimant, lease: Nanoseconds) -> Turn {
        switch phase {
        case .lost: return .lost
        case .claiming, .ended: return .ended
        case .held: break
        }
        // Whatever became of its finish, a run that is over keeps its key no longer.
        if hasLeft, case .renew = event { return .ended }
        guard let stored, !isUncertain else { return .read }
        var record: IdempotencyRecord? = stored.record
        let event = withoutRepetition(event)
        let refusal = RecordStateMachine.apply(event, by: claimant, to: &record, at: stored.version, lease: lease)
        if let refusal { return .refused(refusal) }
        return record.map { .write($0, over: stored.version) } ?? .ended
    }

    /// A checkpoint or a restart that is there already was written by a call whose reply was lost: then only the lease is
    /// renewed.
    private func withoutRepetition(_ event: RecordStateMachine.Event) -> RecordStateMachine.Event {
        // A record whose hook is being asked says what is not known; a restarted one does not.
        if case .restart = event, stored?.record.state == .pending(unknown: nil) { return .renew }
        if case .checkpoint(let checkpoint) = event,
            stored?.record.checkpoints.contains(where: { UTF8Text.areEqual($0.name, checkpoint.name) }) ?? false
        {
            return .renew
        }
        return event
    }

    /// Gives the turn to whoever is next in line.
    mutating func endTurn() -> OneShot<Void>? {
        if hasSeldom, !seldom.line.isEmpty { return seldom.line.removeFirst() }
        isWriting = false
        return nil
    }

    // MARK: Steps

    /// Whether the name is new in this run.
    mutating func beginStep(_ name: String) -> Bool {
        seldom.stepNames.insert(Array(name.utf8)).inserted
    }

    /// The handler begins again.
    mutating func forgetSteps() {
        if hasSeldom { seldom.stepNames = [] }
    }
}
