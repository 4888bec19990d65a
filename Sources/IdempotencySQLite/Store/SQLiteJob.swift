#if SQLite
internal import Idempotency
import Synchronization

/// A call that waits for the database.
@available(Idempotency 0.1, *)
final class SQLiteJob: Sendable {
    /// What a caller asks for.
    enum Request: Sendable {
        case load(IdempotencyKey)
        case write(SQLiteRecords.Write)
        /// Runs a handler, and writes what it says.
        case effects(Effects)
    }

    /// A handler that runs on the worker's thread, within a transaction that holds the write lock.
    ///
    /// Returns what is to be written after its effects; `nil`: nothing, and its effects are undone. What it throws undoes
    /// them too.
    typealias Effects = @Sendable (SQLiteConnection) throws -> SQLiteRecords.Write?

    enum Answer: Sendable {
        case loaded(StoredRecord?)
        case changed(CheckAndSetResult)
    }

    let request: Request
    private let caller: UnsafeContinuation<Answer, any Error>
    private let isAnswered = Atomic(false)

    init(_ request: Request, _ caller: UnsafeContinuation<Answer, any Error>) {
        self.request = request
        self.caller = caller
    }

    /// A finish or a renewal: a lease may be running out meanwhile.
    var isUrgent: Bool { if case .write(let write) = request { write.expected != nil } else { false } }

    /// A handler that runs on the worker's thread.
    var isHandler: Bool { if case .effects = request { true } else { false } }

    /// A write where nothing is to be.
    var isClaim: Bool { if case .write(let write) = request { write.expected == nil } else { false } }

    /// Lets the caller go on. The first answer counts.
    func answer(_ result: Result<Answer, any Error>) {
        if isAnswered.exchange(true, ordering: .relaxed) { return }
        caller.resume(with: result)
    }
}
#endif
