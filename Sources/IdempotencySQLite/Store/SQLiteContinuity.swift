#if SQLite
internal import Idempotency
import Synchronization

/// Tells the database that was opened from another one that has its name now.
///
/// A file that comes back has the same number, and has lost nothing that this process knows of. Any other one would have keys
/// run again that were answered.
@available(Idempotency 0.1, *)
final class SQLiteContinuity: Sendable {
    private struct State {
        var database: Int64?
        var version: Int64 = 0
    }

    private let state = Mutex(State())

    /// Notes a version that was committed, and in which database.
    func note(_ version: RecordVersion, in records: SQLiteRecords) {
        let isKnown = state.withLock { state in
            state.version = max(state.version, Int64(bitPattern: version.rawValue))
            return state.database != nil
        }
        if isKnown { return }
        guard let database = try? records.databaseNumber() else { return }
        state.withLock { $0.database = $0.database ?? database }
    }

    /// Makes sure that what is open now goes on where the other one was left.
    func assure(_ records: SQLiteRecords) throws {
        let (database, version) = state.withLock { ($0.database, $0.version) }
        guard let database else { return }
        // Without the table it is another one as well.
        guard let number = try? records.databaseNumber(), number == database else { throw SQLiteFileLoss.replaced }
        guard try records.lastVersion() >= version else { throw SQLiteFileLoss.older }
    }
}
#endif
