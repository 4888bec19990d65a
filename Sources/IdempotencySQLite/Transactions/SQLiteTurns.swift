#if SQLite
/// When handlers' transactions leave the write lock to other processes.
///
/// SQLite has no line for its lock: another process looks for it about once in a millisecond, and would seldom meet the moment
/// between two transactions that follow on one another.
@available(Idempotency 0.1, *)
struct SQLiteTurns {
    /// For how long transactions may follow on one another.
    private static let limit = Duration.milliseconds(40)
    /// For how long the lock is left alone: longer than another process waits between two looks.
    private static let room = Duration.milliseconds(2)

    private var lastEnd: ContinuousClock.Instant?
    private var rowBegan: ContinuousClock.Instant?

    /// Says for how long the next transaction has to wait.
    mutating func begin(_ now: ContinuousClock.Instant = .now) -> Duration? {
        guard let lastEnd, let rowBegan, lastEnd.duration(to: now) < Self.room else {
            rowBegan = now
            return nil
        }
        if rowBegan.duration(to: now) < Self.limit { return nil }
        self.rowBegan = now + Self.room
        return Self.room
    }

    mutating func end(_ now: ContinuousClock.Instant = .now) { lastEnd = now }
}
#endif
