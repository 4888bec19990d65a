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

    /// Asks for the turn to write. It is there when the answer has nothing to wait for; end it with ``endWriting()``.
    func askForTurn() -> RunState.Turn {
        state.withLock { $0.askForTurn() }
    }

    func endWriting() {
        let next = state.withLock { $0.endWriting() }
        next?.fire(())
    }
}
