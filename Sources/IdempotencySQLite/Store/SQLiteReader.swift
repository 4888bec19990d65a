#if SQLite
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// Answers on a thread and a connection of its own what needs no write, so that nobody who only looks waits for a writer.
///
/// What it sees is what was committed when it looks: SQLite's readers and its writer do not wait for each other in WAL mode
/// (sqlite.org/wal.html).
@available(Idempotency 0.1, *)
final class SQLiteReader: Sendable {
    private struct Item {
        let job: SQLiteJob
        /// Receives a job that cannot be answered by looking.
        let otherwise: @Sendable (SQLiteJob) -> Void
    }

    private struct State {
        var items: [Item] = []
        var isAtWork = false
        var isClosed = false
    }

    private let queue = DispatchQueue(label: "idempotency.sqlite.reader", qos: .userInitiated)
    private let state = Mutex(State())
    private let clock: @Sendable () -> Int64
    private let open: @Sendable () throws -> SQLiteRecords
    // Only ever touched on the queue, which runs one block at a time; that is why it may be shared.
    nonisolated(unsafe) private var records: SQLiteRecords?

    /// - Parameters:
    ///   - clock: The time in microseconds since 1970.
    ///   - open: Opens the file that is there.
    init(clock: @escaping @Sendable () -> Int64, open: @escaping @Sendable () throws -> SQLiteRecords) {
        self.clock = clock
        self.open = open
    }

    /// Answers a load, or a claim of a key that is taken.
    ///
    /// - Parameter otherwise: Receives a claim of a key that is free, and every job once the reader is closed or the file lost.
    func answer(_ job: SQLiteJob, otherwise: @escaping @Sendable (SQLiteJob) -> Void) {
        let (isClosed, isFull, starts) = state.withLock { state in
            if state.isClosed { return (true, false, false) }
            if state.items.count >= SQLiteWorker.capacity { return (false, true, false) }
            state.items.append(Item(job: job, otherwise: otherwise))
            defer { state.isAtWork = true }
            return (false, false, !state.isAtWork)
        }
        if isClosed { otherwise(job) }
        if isFull { job.answer(.failure(SQLiteErrors.tooManyCalls)) }
        if starts { queue.async { self.work() } }
    }

    /// Reads something else. `nil`: the file is lost, and the writer has to say so.
    func use<Value: Sendable>(_ body: @escaping @Sendable (SQLiteRecords, _ now: Int64) throws -> Value) async throws
        -> Value?
    {
        let answer = OneShot<Result<Value?, any Error>>()
        queue.async {
            answer.fire(
                Result {
                    if self.state.withLock({ $0.isClosed }) { throw SQLiteErrors.closed }
                    do {
                        return try self.read { try body($0, self.clock()) }
                    } catch is SQLiteFileLoss {
                        return nil
                    } catch {
                        throw SQLiteErrors.error(for: error)
                    }
                }
            )
        }
        return try await answer.value().get()
    }

    /// Answers what waits, and closes the connection.
    func close() async {
        state.withLock { $0.isClosed = true }
        let isDone = OneShot<Void>()
        queue.async {
            while self.workOnce() {}
            self.records = nil
            isDone.fire(())
        }
        await isDone.value()
    }

    /// Ends the connection, and makes no other one before `body` is done. Waits for what is being read.
    func letGo(during body: () -> Void) {
        queue.sync {
            if let records { close(records) }
            body()
        }
    }

    // MARK: On the queue

    private func opened() throws -> SQLiteRecords {
        if let records { return records }
        let opened = try open()
        records = opened
        return opened
    }

    private func work() {
        if workOnce() { queue.async { self.work() } }
    }

    private func workOnce() -> Bool {
        let items = state.withLock { state in
            let items = Array(state.items.prefix(SQLiteWorker.batchSize))
            state.items.removeFirst(items.count)
            if items.isEmpty { state.isAtWork = false }
            return items
        }
        if items.isEmpty { return false }
        do {
            let (answers, rest) = try read { try $0.read(items.map(\.job), looksFirst: true, clock) }
            for (job, answer) in answers { job.answer(answer) }
            if !rest.isEmpty {
                let rest = Set(rest.map { ObjectIdentifier($0) })
                for item in items where rest.contains(ObjectIdentifier(item.job)) { item.otherwise(item.job) }
            }
        } catch is SQLiteFileLoss {
            // The writer saves what is to be saved before anybody opens what is there now.
            for item in items { item.otherwise(item.job) }
        } catch {
            let failure = SQLiteErrors.error(for: error)
            for item in items { item.job.answer(.failure(failure)) }
        }
        return true
    }

    /// Reads, and gives the connection up if the file is found to be lost: no answer of the lost one is told.
    private func read<Value>(_ body: (SQLiteRecords) throws -> Value) throws -> Value {
        let records: SQLiteRecords
        do {
            records = try opened()
        } catch let failure as SQLiteFailure where failure.isShortRead {
            throw SQLiteFileLoss.withoutLog
        }
        do {
            let value = try body(records)
            try records.connection.assureFile()
            return value
        } catch {
            records.connection.rollBack()
            let loss = records.connection.loss(behind: error)
            if let loss { close(records, loss) }
            throw loss ?? error
        }
    }

    private func close(_ records: SQLiteRecords, _ loss: SQLiteFileLoss? = nil) {
        // The log of a lost file is the writer's to save.
        records.connection.keepLog()
        records.connection.close(loss)
        self.records = nil
    }
}
#endif
