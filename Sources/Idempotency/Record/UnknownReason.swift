/// Why nobody knows whether a handler took effect.
@available(Idempotency 0.1, *)
public enum UnknownReason: UInt8, Sendable {
    /// The lease ended without a word: the process died, hung, or lost the store.
    case lapsed = 1
    /// The handler threw an error that is declared neither final nor "did not happen", or was cancelled inside.
    case handlerThrew = 2
    /// The policy's attempts are used up, and not all of them are known to have had no effect.
    case attemptsExhausted = 3
    /// The reconcile hook could not find out.
    case notReconciled = 4
}
