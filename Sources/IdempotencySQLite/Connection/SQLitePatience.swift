#if SQLite
internal import CSQLite
internal import Idempotency

#if canImport(Darwin)
internal import Darwin
#elseif canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Waits for another process's transaction, looking about once a millisecond.
///
/// SQLite's own way (`sqlite3_busy_timeout`) looks ever more seldom, at last ten times a second. A process that begins one
/// transaction right after the other leaves the lock for some microseconds in between, and would keep the others out for
/// good.
@available(Idempotency 0.1, *)
final class SQLitePatience {
    /// How long a call waits.
    var limit: Duration
    private var deadline: ContinuousClock.Instant?

    /// - Parameter limit: How long a call waits.
    init(_ limit: Duration) { self.limit = limit }

    func install(on connection: OpaquePointer) {
        // The connection's owner keeps it for as long as the connection is open.
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_busy_handler(
            connection,
            { context, count in
                guard let context else { return 0 }
                let patience = Unmanaged<SQLitePatience>.fromOpaque(context).takeUnretainedValue()
                return patience.waits(isFirst: count == 0) ? 1 : 0
            },
            context
        )
    }

    private func waits(isFirst: Bool) -> Bool {
        let now = ContinuousClock.now
        let deadline = isFirst ? now + limit : self.deadline ?? now
        self.deadline = deadline
        guard now < deadline else { return false }
        pause()
        return true
    }

    /// Waits for about a millisecond. Not all of those that wait look at the same moments.
    func pause() { usleep(UInt32.random(in: 300...1500)) }

    /// Waits for some milliseconds.
    func sleep(_ span: Duration) { usleep(UInt32(span.nanoseconds / 1000)) }
}
#endif
