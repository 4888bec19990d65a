#if SQLite
internal import Dispatch
internal import Idempotency

/// A handler's transaction that waits for the writer's thread.
@available(Idempotency 0.1, *)
final class SQLitePendingSession: Sendable {
    let session: SQLiteSession
    let mailbox: SQLiteMailbox
    /// How long the transaction may stay open.
    let limit: Duration
    /// When it is refused if it has not begun.
    let deadline: DispatchTime
    let begun = OneShot<Result<Void, any Error>>()

    init(_ session: SQLiteSession, _ mailbox: SQLiteMailbox, limit: Duration, patience: Duration) {
        self.session = session
        self.mailbox = mailbox
        self.limit = limit
        deadline = .now() + .nanoseconds(Int(clamping: patience.nanoseconds))
    }
}
#endif
