import Synchronization

/// One attempt to lead a key: from before its claim to the end of its finish.
///
/// All writes of an attempt pass through it one after the other, so that a renewal, a step and the finish never cross.
@available(Idempotency 0.1, *)
final class Run: Sendable {
    /// The run whose handler the current task is in.
    @TaskLocal static var current: Run?

    let call: Call
    let claimant: Claimant
    /// Names the store: the same key in another store is another matter.
    let storeID: ObjectIdentifier
    private let state: Mutex<RunState>

    init(_ call: Call, claimant: Claimant, enclosing: Run?, storeID: ObjectIdentifier) {
        self.storeID = storeID
        self.call = call
        self.claimant = claimant
        state = Mutex(RunState(enclosing: enclosing))
    }

    var key: IdempotencyKey { call.key }

    /// The run in whose handler this one began.
    var enclosing: Run? { withState { $0.enclosing } }

    /// This run or the nearest around it whose handler has not been left: what began in a handler may outlive it.
    ///
    /// Forgets those that were left on the way, so that a chain of jobs that start each other does not grow.
    var nearestInProgress: Run? {
        var run: Run? = self
        while let current = run, !current.withState({ $0.isInProgress }) { run = current.enclosing }
        if let run, let around = run.enclosing {
            let nearest = around.nearestInProgress
            run.withState { $0.enclosing = nearest }
        }
        return run
    }

    func withState<Result>(_ body: (inout RunState) -> sending Result) -> sending Result {
        state.withLock(body)
    }

    /// What the last acknowledged write left in the store.
    var stored: StoredRecord? { withState { $0.stored } }

    /// Which attempt of the key this is; the first is 1.
    var attempt: Int { withState { $0.stored?.record.attempt ?? 1 } }

    /// Takes the turn to write, or gets in line for it: then the signal says when it has come. End it with ``endTurn()``.
    func takeTurn() -> OneShot<Void>? {
        state.withLock { $0.takeTurn() }
    }

    /// Takes the turn if nobody has it, and there is nothing to do but to write `record` over the version returned.
    func takeTurnAtOnce(
        for event: RecordStateMachine.Event,
        record: inout IdempotencyRecord?
    ) -> RecordVersion? {
        state.withLock {
            $0.takeTurnAtOnce(for: event, by: claimant, lease: call.policy.leaseNanoseconds, record: &record)
        }
    }

    /// What whoever has the turn is to do now.
    func turn(for event: RecordStateMachine.Event) -> RunState.Turn {
        state.withLock { $0.turn(for: event, by: claimant, lease: call.policy.leaseNanoseconds) }
    }

    /// Gives the turn to whoever is next in line.
    func endTurn() {
        let next = state.withLock { $0.endTurn() }
        next?.fire(())
    }

    /// A write was acknowledged.
    func wrote(_ record: IdempotencyRecord, _ version: RecordVersion, sentAt: Nanoseconds) {
        let written = StoredRecord(version: version, written: record)
        state.withLock { state in
            let renewUntil = state.startedAt.addingClamped(call.policy.maximumRunNanoseconds)
            state.wrote(written, sentAt: sentAt, renewUntil: renewUntil)
        }
    }

    /// The last write was acknowledged. Gives the turn to whoever is next in line, who will find nothing left to do.
    func wroteLast() {
        let next = state.withLock { state in
            state.end()
            return state.endTurn()
        }
        next?.fire(())
    }
}
