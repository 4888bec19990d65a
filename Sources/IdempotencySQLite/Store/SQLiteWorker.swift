#if SQLite
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// Does on a thread of its own what many callers ask of a database, and commits together what waits together: one flush of
/// the disk serves all of them.
@available(Idempotency 0.1, *)
final class SQLiteWorker: Sendable {
    private struct State {
        /// Finishes and renewals go first: a lease may be running out meanwhile.
        var urgent: [SQLiteJob] = []
        var others: [SQLiteJob] = []
        var isAtWork = false
        /// Whether most keys that were to be claimed lately were there already.
        var looksFirst = false
        var isClosed = false
        var isWatching = false

        var waiting: Int { urgent.count + others.count }
    }

    /// How many calls may wait. More are refused, rather than kept for longer than their callers are there.
    static let capacity = 100_000
    /// How many calls share a transaction.
    static let batchSize = 256

    let queue = DispatchQueue(label: "idempotency.sqlite", qos: .userInitiated)
    private let state = Mutex(State())
    let clock: @Sendable () -> Int64
    let onChange: @Sendable ([IdempotencyKey]) -> Void
    private let onForeignChange: @Sendable () -> Void
    private let isAwaited: @Sendable () -> Bool
    /// Only ever touched on the queue, which runs one block at a time; that is why it may be shared.
    nonisolated(unsafe) var records: SQLiteRecords?
    nonisolated(unsafe) private(set) var reopen: (@Sendable () throws -> SQLiteRecords)?

    /// The database, opened again if that has failed when it had to be. On the queue.
    func opened() throws -> SQLiteRecords {
        if let records { return records }
        guard let reopen else { throw SQLiteErrors.closed }
        let reopened = try reopen()
        records = reopened
        return reopened
    }

    /// Opens the file again, if it is one: after a commit that failed the connection may have lost track of it. On the queue.
    func reopenIfPossible() {
        if let reopen { records = try? reopen() }
    }

    /// - Parameters:
    ///   - clock: The time in microseconds since 1970.
    ///   - onChange: Told of the keys that a transaction changed, once it is committed.
    ///   - onForeignChange: Called when another process may have changed something.
    ///   - isAwaited: Whether anybody waits for a change.
    init(
        clock: @escaping @Sendable () -> Int64,
        onChange: @escaping @Sendable ([IdempotencyKey]) -> Void,
        onForeignChange: @escaping @Sendable () -> Void,
        isAwaited: @escaping @Sendable () -> Bool
    ) {
        self.clock = clock
        self.onChange = onChange
        self.onForeignChange = onForeignChange
        self.isAwaited = isAwaited
    }

    /// Opens the database.
    ///
    /// - Parameter isFile: Whether it can be opened again.
    func open(isFile: Bool, _ make: @escaping @Sendable () throws -> SQLiteRecords) async throws {
        try await onQueue {
            self.records = try make()
            if isFile { self.reopen = make }
        }
    }

    /// Does what is asked for, together with what else waits.
    nonisolated(nonsending) func ask(_ request: SQLiteJob.Request) async throws -> SQLiteJob.Answer {
        try await withUnsafeThrowingContinuation { add(SQLiteJob(request, $0)) }
    }

    private func add(_ job: SQLiteJob) {
        var starts = false
        let refusal = state.withLock { state -> (any Error)? in
            if state.isClosed { return SQLiteErrors.closed }
            guard state.waiting < Self.capacity else { return SQLiteErrors.tooManyCalls }
            if job.isUrgent { state.urgent.append(job) } else { state.others.append(job) }
            starts = !state.isAtWork
            state.isAtWork = true
            return nil
        }
        if let refusal { job.answer(.failure(refusal)) }
        if starts { queue.async { self.work() } }
    }

    /// Does something else with the database, between two transactions.
    func use<Value: Sendable>(_ body: @escaping @Sendable (SQLiteRecords, _ now: Int64) throws -> Value) async throws
        -> Value
    {
        try await onQueue {
            do {
                return try body(try self.opened(), self.clock())
            } catch {
                self.records?.connection.rollBack()
                throw SQLiteErrors.error(for: error)
            }
        }
    }

    /// How many calls wait.
    var waitingCalls: Int { state.withLock { $0.waiting } }

    /// Looks, for as long as somebody waits for a change, whether another process has committed one.
    func watchOtherProcesses() {
        let starts = state.withLock { state in
            defer { state.isWatching = true }
            return !state.isWatching && !state.isClosed
        }
        if starts { queue.async { self.watch(since: nil) } }
    }

    /// Does what waits, and closes the database.
    func close() async {
        state.withLock { $0.isClosed = true }
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

    /// Does a batch of what waits, and then lets others have their turn.
    private func work() {
        if workOnce() { queue.async { self.work() } }
    }

    /// Does a batch of what waits. `false`: nothing does.
    private func workOnce() -> Bool {
        let (batch, looksFirst) = take()
        if batch.isEmpty { return false }
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
        return true
    }

    private func take() -> ([SQLiteJob], looksFirst: Bool) {
        state.withLock { state in
            var batch: [SQLiteJob]
            if state.waiting <= Self.batchSize {
                batch = state.urgent + state.others
                state.urgent.removeAll(keepingCapacity: true)
                state.others.removeAll(keepingCapacity: true)
            } else {
                batch = Array(state.urgent.prefix(Self.batchSize))
                state.urgent.removeFirst(batch.count)
                let more = state.others.prefix(Self.batchSize - batch.count)
                batch += more
                state.others.removeFirst(more.count)
            }
            if batch.isEmpty { state.isAtWork = false }
            return (batch, state.looksFirst)
        }
    }
}
#endif
