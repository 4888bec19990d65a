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
    let enclosing: Run?
    /// Names the store: the same key in another store is another matter.
    let storeID: ObjectIdentifier
    private let state = Mutex(RunState())

    init(_ call: Call, claimant: Claimant, enclosing: Run?, storeID: ObjectIdentifier) {
        self.storeID = storeID
        self.call = call
        self.claimant = claimant
        self.enclosing = enclosing
    }

    var key: IdempotencyKey { call.key }

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
