#if SQLite
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// Does on a thread of its own what many callers ask of a database, and commits together what waits together: one flush of
/// the disk serves all of them.
///
/// The thread goes round: first the writes of runs that hold a lease, then other calls, then the handlers that run on this
/// thread, for a short time; all of them in one transaction. After that one thing that may take longer has its turn: a
/// handler's session, an operator's errand. So whoever renews a lease waits for one such thing at most, however many there are.
@available(Idempotency 0.1, *)
final class SQLiteWorker: Sendable {
    private struct State {
        /// Finishes and renewals: a lease may be running out meanwhile.
        var urgent: [SQLiteJob] = []
        var others: [SQLiteJob] = []
        /// Handlers that run on the thread.
        var handlers: [SQLiteJob] = []
        /// What needs the thread for itself.
        var slow = SQLiteSlowQueue()
        /// Whether a slow item has the thread.
        var isOccupied = false
        var isAtWork = false
        /// Whether most keys that were to be claimed lately were there already.
        var looksFirst = false
        var isClosed = false
        var isWatching = false

        var waiting: Int { urgent.count + others.count + handlers.count }
    }

    /// How many calls may wait. More are refused, rather than kept for longer than their callers are there.
    static let capacity = 100_000
    /// How many calls share a transaction.
    static let batchSize = 256
    /// How many of them are not renewals or finishes, if so many wait: those must not keep the others out for good.
    private static let reserved = 64

    let queue = DispatchQueue(label: "idempotency.sqlite", qos: .userInitiated)
    private let state = Mutex(State())
    let clock: @Sendable () -> Int64
    let onChange: @Sendable ([IdempotencyKey]) -> Void
    private let onForeignChange: @Sendable () -> Void
    private let isAwaited: @Sendable () -> Bool
    /// Answers calls that write nothing; `nil` for a database in memory, which has one connection.
    let reader: SQLiteReader?
    let continuity: SQLiteContinuity
    /// Only ever touched on the queue, which runs one block at a time; that is why it may be shared.
    nonisolated(unsafe) var records: SQLiteRecords?
    /// Only ever touched on the queue.
    nonisolated(unsafe) var turns = SQLiteTurns()
    nonisolated(unsafe) private(set) var reopen: (@Sendable () throws -> SQLiteRecords)?

    /// The database, opened again if it had to be given up. On the queue.
    func opened() throws -> SQLiteRecords {
        if let records { return records }
        guard let reopen else { throw SQLiteErrors.closed }
        let reopened = try reopen()
        records = reopened
        return reopened
    }

    /// Opens the file again, if it is one: after a commit that failed the connection may have lost track of it. On the queue.
    func reopenIfPossible() {
        guard let reopen else { return }
        records?.connection.close()
        records = try? reopen()
    }

    /// Gives up a connection whose file is lost. The next call opens what is there then. On the queue.
    func abandonFile(_ loss: SQLiteFileLoss) {
        guard reopen != nil, let connection = records?.connection else { return }
        connection.rollBack()
        func abandon() {
            // Until the log is saved, the connection stays: each call finds again that it is lost, and tries to save it.
            if loss == .withoutLog, !connection.saveLog() { return }
            connection.keepLog()
            connection.close(loss)
            records = nil
        }
        // A connection that is made meanwhile would share this one's index, and make a log that has nothing of what that names.
        if let reader { reader.letGo(during: abandon) } else { abandon() }
    }

    /// Undoes what an error has left, and returns what is behind it: the error that a lost file shows first says little. On the
    /// queue.
    func endUse(_ error: any Error) -> any Error {
        guard let connection = records?.connection else { return error }
        connection.rollBack()
        guard let loss = connection.loss(behind: error) else { return error }
        abandonFile(loss)
        return loss
    }

    /// - Parameters:
    ///   - reader: Answers calls that write nothing; `nil`: this thread does.
    ///   - continuity: Knows which database it is.
    ///   - clock: The time in microseconds since 1970.
    ///   - onChange: Told of the keys that a transaction changed, once it is committed.
    ///   - onForeignChange: Called when another process may have changed something.
    ///   - isAwaited: Whether anybody waits for a change.
    init(
        reader: SQLiteReader?,
        continuity: SQLiteContinuity,
        clock: @escaping @Sendable () -> Int64,
        onChange: @escaping @Sendable ([IdempotencyKey]) -> Void,
        onForeignChange: @escaping @Sendable () -> Void,
        isAwaited: @escaping @Sendable () -> Bool
    ) {
        self.reader = reader
        self.continuity = continuity
        self.clock = clock
        self.onChange = onChange
        self.onForeignChange = onForeignChange
        self.isAwaited = isAwaited
    }

    /// Opens the database.
    ///
    /// - Parameters:
    ///   - first: Opens it, and makes the file if it is not there.
    ///   - again: Opens the file that is there; `nil`: there is none, and it cannot be opened again.
    func open(
        _ first: @escaping @Sendable () throws -> SQLiteRecords,
        again: (@Sendable () throws -> SQLiteRecords)?
    ) async throws {
        try await onQueue {
            self.records = try first()
            self.reopen = again
        }
    }

    /// Does what is asked for, together with what else waits.
    nonisolated(nonsending) func ask(_ request: SQLiteJob.Request) async throws -> SQLiteJob.Answer {
        try await withUnsafeThrowingContinuation { add(SQLiteJob(request, $0)) }
    }

    private func add(_ job: SQLiteJob) {
        if let reader {
            if case .load = job.request { return reader.answer(job) { self.enqueue($0) } }
            // While something else has the thread, a claim of a key that is taken need not wait for it.
            if job.isClaim, state.withLock({ $0.isOccupied }) { return reader.answer(job) { self.enqueue($0) } }
        }
        enqueue(job)
    }

    private func enqueue(_ job: SQLiteJob) {
        var starts = false
        let refusal = state.withLock { state -> (any Error)? in
            if state.isClosed { return SQLiteErrors.closed }
            guard state.waiting < Self.capacity else { return SQLiteErrors.tooManyCalls }
            if job.isHandler {
                state.handlers.append(job)
            } else if job.isUrgent {
                state.urgent.append(job)
            } else {
                state.others.append(job)
            }
            starts = !state.isAtWork
            state.isAtWork = true
            return nil
        }
        if let refusal { job.answer(.failure(refusal)) }
        if starts { queue.async { self.work() } }
    }

    /// Gives the thread to something slow when it has its turn.
    func enqueue(_ item: SQLiteSlowItem) {
        let (isClosed, starts) = state.withLock { state in
            if state.isClosed { return (true, false) }
            state.slow.append(item)
            defer { state.isAtWork = true }
            return (false, !state.isAtWork)
        }
        if isClosed { item.refuse(SQLiteErrors.closed) }
        if starts { queue.async { self.work() } }
    }

    /// Does something else with the database, between two transactions. Keep it short: renewals wait for it.
    func use<Value: Sendable>(_ body: @escaping @Sendable (SQLiteRecords, _ now: Int64) throws -> Value) async throws
        -> Value
    {
        let answer = OneShot<Result<Value, any Error>>()
        enqueue(
            .errand(
                SQLiteSlowItem.Errand {
                    let result = Result {
                        do {
                            let value = try body(try self.opened(), self.clock())
                            try self.records?.connection.assureFile()
                            return value
                        } catch {
                            throw SQLiteErrors.error(for: self.endUse(error))
                        }
                    }
                    answer.fire(result)
                } refuse: { error in
                    answer.fire(.failure(error))
                }
            )
        )
        return try await answer.value().get()
    }

    /// How many calls wait.
    var waitingCalls: Int { state.withLock { $0.waiting } }

    /// How much else waits for the thread.
    var waitingItems: Int { state.withLock { $0.slow.count } }

    /// Looks, for as long as somebody waits for a change, whether another process has committed one.
    func watchOtherProcesses() {
        let starts = state.withLock { state in
            defer { state.isWatching = true }
            return !state.isWatching && !state.isClosed
        }
        if starts { queue.async { self.watch(since: nil) } }
    }

    /// Does what waits, and closes the database. What is slow and has not begun is refused.
    func close() async {
        let refused = state.withLock { state in
            state.isClosed = true
            return state.slow.removeAll()
        }
        for item in refused { item.refuse(SQLiteErrors.closed) }
        await reader?.close()
        try? await onQueue {
            while self.workOnce() {}
            self.records = nil
            self.reopen = nil
        }
    }

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let answer = OneShot<Result<Value, any Error>>()
        queue.async { answer.fire(Result { try body() }) }
        return try await answer.value().get()
    }

    // MARK: On the queue

    /// - Parameter seen: The number that SQLite had for the file's content, which grows with each commit of another
    ///   connection (sqlite.org/pragma.html#pragma_data_version).
    private func watch(since seen: Int64?) {
        guard isAwaited(), !state.withLock({ $0.isClosed }) else {
            state.withLock { $0.isWatching = false }
            // Whoever came between the question and its answer has seen a watch, and started none.
            if isAwaited() { watchOtherProcesses() }
            return
        }
        // There is none while the database cannot be read.
        let number = try? records?.contentNumber()
        if let seen, let number, seen != number { onForeignChange() }
        queue.asyncAfter(deadline: .now() + .milliseconds(10)) { self.watch(since: number ?? seen) }
    }

    /// Goes round once, and then lets others have their turn.
    private func work() {
        if workOnce() { queue.async { self.work() } }
    }

    /// Does a batch of what waits, and something slow. `false`: nothing waits any more.
    private func workOnce() -> Bool {
        let (batch, looksFirst) = takeBatch()
        if !batch.isEmpty { work(batch, looksFirst) }
        let (item, late, isIdle) = takeSlow()
        for item in late { item.refuse(SQLiteErrors.tooManyTransactions) }
        guard let item else { return !isIdle }
        defer { state.withLock { $0.isOccupied = false } }
        switch item {
        case .errand(let errand): errand.run()
        case .session(let session): if serve(session) == .again { state.withLock { $0.slow.putBack(item) } }
        case .handler(let job): work([job], false)
        }
        return true
    }

    private func work(_ batch: [SQLiteJob], _ looksFirst: Bool) {
        do {
            let records = try opened()
            let rest = read(batch, records, looksFirst: looksFirst)
            let claims = write(rest, records)
            let found = batch.count(where: \.isClaim) - claims
            if found != claims { state.withLock { $0.looksFirst = found > claims } }
        } catch {
            let failure = SQLiteErrors.error(for: error)
            for job in batch { job.answer(.failure(failure)) }
        }
    }

    private func takeBatch() -> ([SQLiteJob], looksFirst: Bool) {
        state.withLock { state in
            var batch: [SQLiteJob]
            if state.waiting <= Self.batchSize {
                batch = state.urgent + state.others + state.handlers
                state.urgent.removeAll(keepingCapacity: true)
                state.others.removeAll(keepingCapacity: true)
                state.handlers.removeAll(keepingCapacity: true)
            } else {
                let reserved = min(Self.reserved, state.others.count + state.handlers.count)
                batch = Self.remove(Self.batchSize - reserved, from: &state.urgent)
                batch += Self.remove(Self.batchSize - batch.count, from: &state.others)
                batch += Self.remove(Self.batchSize - batch.count, from: &state.handlers)
            }
            return (batch, state.looksFirst)
        }
    }

    private static func remove(_ count: Int, from jobs: inout [SQLiteJob]) -> [SQLiteJob] {
        let removed = Array(jobs.prefix(count))
        jobs.removeFirst(removed.count)
        return removed
    }

    /// What has its turn after a batch, what has waited for too long, and whether the thread has nothing to do.
    private func takeSlow() -> (SQLiteSlowItem?, late: [SQLiteSlowItem], isIdle: Bool) {
        state.withLock { state in
            let late = state.slow.removeLate(.now())
            let item = state.slow.next()
            state.isOccupied = item != nil
            state.isAtWork = item != nil || state.waiting > 0
            return (item, late, !state.isAtWork)
        }
    }

    /// Handlers that had no time left in their batch go first in the next one.
    func putBack(handlers: ArraySlice<SQLiteJob>) {
        if handlers.isEmpty { return }
        state.withLock { $0.handlers.insert(contentsOf: handlers, at: 0) }
    }

    /// A handler that may have spoiled its batch runs in a transaction of its own, when it has its turn.
    func runAlone(_ job: SQLiteJob) { state.withLock { $0.slow.append(.handler(job)) } }
}
#endif
