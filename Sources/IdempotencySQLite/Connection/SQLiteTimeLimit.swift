#if SQLite
internal import CSQLite
internal import Dispatch

/// Interrupts a handler's statement that goes on when the time of its transaction is over (sqlite.org/c3ref/progress_handler.html).
@available(Idempotency 0.1, *)
final class SQLiteTimeLimit {
    /// How many instructions of SQLite's go by between two looks at the clock: less than a millisecond.
    private static let instructions: Int32 = 10_000

    /// When the time is over; `nil`: there is no limit.
    var deadline: DispatchTime?
    /// Whether the statement is a handler's. The store's own end by themselves.
    var isForHandler = false

    func install(on connection: OpaquePointer) {
        // The connection's owner keeps it for as long as the connection is open.
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_progress_handler(
            connection,
            Self.instructions,
            { context in
                guard let context else { return 0 }
                return Unmanaged<SQLiteTimeLimit>.fromOpaque(context).takeUnretainedValue().isOver ? 1 : 0
            },
            context
        )
    }

    private var isOver: Bool {
        guard isForHandler, let deadline else { return false }
        return DispatchTime.now() > deadline
    }
}
#endif
