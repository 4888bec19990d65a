/// A caller that waits for another caller's flight.
@available(Idempotency 0.1, *)
final class Waiter: Sendable {
    /// What ends the wait.
    enum Wake: Sendable {
        /// The leader left without having run: this caller leads now.
        case lead(Run)
        /// The leader left this in the store.
        case observed(StoredRecord)
        /// The attempt that this caller waited for, here or in another process, has failed, and left this in the store.
        case attemptFailed(StoredRecord)
        /// The leader could not reach the store.
        case unavailable(any Error, seen: StoredRecord?)
        /// The leader could not reach the store, and ran without it.
        case ranWithoutStore(Unrecorded)
        /// The leader's claim is made, and this caller does not wait for runs.
        case busy
        /// The leader's claim is made, for another payload.
        case mismatched
        case deadline
        case cancelled
    }

    /// The end of a run that the store does not know.
    enum Unrecorded: Sendable {
        case returned(StoredValue)
        case failed(StoredFailure)
    }

    let call: Call
    let enclosing: Run?
    let signal = OneShot<Wake>()

    init(_ call: Call, enclosing: Run?) {
        self.call = call
        self.enclosing = enclosing
    }

    var isPatient: Bool { call.policy.waitNanoseconds > 0 }
}

/// What ends the wait of a leader for another interceptor's run.
@available(Idempotency 0.1, *)
enum WaitEnd: Sendable {
    case lookAgain
    case cancelled
    case shutDown
}
