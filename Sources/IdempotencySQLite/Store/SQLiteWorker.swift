#if SQLite
internal import CSQLite
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// Does on a thread of its own what many callers ask of a database, and commits together what waits together: one flush of
/// the disk serves all of them.
@available(Idempotency 0.1, *)
final class SQLiteWorker: Sendable {
    /// What a caller asks for.
    enum Request: Sendable {
        case load(IdempotencyKey)
        case checkAndSet(IdempotencyKey, expecting: RecordVersion?, RecordChange)
    }

    enum Answer: Sendable {
        case loaded(StoredRecord?)
        case changed(CheckAndSetResult)
    }

    private struct Job: Sendable {
        let request: Request
        let answer = OneShot<Result<Answer, any Error>>()

        /// A finish or a renewal: a lease may be running out meanwhile.
        var isUrgent: Bool {
            if case .checkAndSet(_, .some, _) = request { true } else { false }
        }
    }

    private struct State {
        var urgent: [Job] = []
        var others: [Job] = []
        var isAtWork = false
        var isClosed = false
        var isWatching = false
    }

    /// How many calls may wait. More are refused, rather than kept for longer than their callers are there.
    static let capacity = 100_000
    /// How many calls share a transaction.
    static let batchSize = 256

    private let queue = DispatchQueue(label: "idempotency.sqlite", qos: .userInitiated)
    private let state = Mutex(State())
    private let clock: @Sendable () -> Int64
    private let onChange: @Sendable ([IdempotencyKey]) -> Void
    private let onForeignChange: @Sendable () -> Void
    private let isAwaited: @Sendable () -> Bool
    /// Only ever touched on the queue, which runs one block at a time; that is why it may be shared.
    nonisolated(unsafe) private var records: SQLiteRecords?

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
    func open(_ make: @escaping @Sendable () throws -> SQLiteRecords) async throws {
        try await onQueue { self.records = try make() }
    }

    /// Does what is asked for, together with what else waits.
    func ask(_ request: Request) async throws -> Answer {
        let job = Job(request: request)
        let starts = try state.withLock { state in
            if state.isClosed { throw SQLiteErrors.closed }
            guard state.urgent.count + state.others.count < Self.capacity else { throw SQLiteErrors.tooManyCalls }
            if job.isUrgent { state.urgent.append(job) } else { state.others.append(job) }
            defer { state.isAtWork = true }
            return !state.isAtWork
        }
        if starts { queue.async { self.work() } }
        return try await job.answer.value().get()
    }

    /// Does something else with the database, between two transactions.
    func use<Value: Sendable>(_ body: @escaping @Sendable (SQLiteRecords, _ now: Int64) throws -> Value) async throws
        -> Value
    {
        try await onQueue {
            guard let records = self.records else { throw SQLiteErrors.closed }
            do {
                return try body(records, self.clock())
            } catch {
                if records.connection.isInTransaction { try? records.connection.run("ROLLBACK") }
                throw SQLiteErrors.error(for: error)
            }
        }
    }

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
            self.work()
            self.records = nil
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
        guard let records, let number = try? records.contentNumber(), isAwaited() else {
            state.withLock { $0.isWatching = false }
            // Whoever came between the question and its answer has seen a watch, and started none.
            if isAwaited() { watchOtherProcesses() }
            return
        }
        if let seen, seen != number { onForeignChange() }
        queue.asyncAfter(deadline: .now() + .milliseconds(10)) { self.watch(since: number) }
    }

    private func work() {
        while true {
            let batch = state.withLock { state -> [Job] in
                var batch = Array(state.urgent.prefix(Self.batchSize))
                state.urgent.removeFirst(batch.count)
                let more = state.others.prefix(Self.batchSize - batch.count)
                batch += more
                state.others.removeFirst(more.count)
                if batch.isEmpty { state.isAtWork = false }
                return batch
            }
            if batch.isEmpty { return }
            guard let records else {
                for job in batch { job.answer.fire(.failure(SQLiteErrors.closed)) }
                continue
            }
            write(read(batch, records), records)
        }
    }

    /// Answers what needs no write: loads, and claims of keys that are taken. Returns the rest.
    private func read(_ batch: [Job], _ records: SQLiteRecords) -> [Job] {
        let isMany = batch.count > 1
        var rest: [Job] = []
        // One look at the database for all: to begin a transaction costs more than to find a row.
        if isMany { try? records.connection.run("BEGIN") }
        let now = clock()
        for job in batch {
            do {
                switch job.request {
                case .load(let key):
                    job.answer.fire(.success(.loaded(try records.find(key, now))))
                case .checkAndSet(let key, nil, _):
                    if let found = try records.find(key, now) {
                        job.answer.fire(.success(.changed(.conflict(found))))
                    } else {
                        rest.append(job)
                    }
                case .checkAndSet:
                    rest.append(job)
                }
            } catch {
                job.answer.fire(.failure(SQLiteErrors.error(for: error)))
            }
        }
        if isMany { try? records.connection.run("COMMIT") }
        return rest
    }

    /// Makes changes in one transaction. If one of them cannot be made, each is tried in a transaction of its own.
    private func write(_ jobs: [Job], _ records: SQLiteRecords) {
        guard !jobs.isEmpty else { return }
        do {
            let (answers, changed) = try commit(jobs, records)
            // Only now is it durable.
            for (job, answer) in zip(jobs, answers) { job.answer.fire(answer) }
            if !changed.isEmpty { onChange(changed) }
        } catch {
            if records.connection.isInTransaction { try? records.connection.run("ROLLBACK") }
            if jobs.count > 1, error.isAboutStatement {
                for job in jobs { write([job], records) }
            } else {
                for job in jobs { job.answer.fire(.failure(SQLiteErrors.error(for: error))) }
            }
        }
    }

    private func commit(
        _ jobs: [Job],
        _ records: SQLiteRecords
    ) throws(SQLiteFailure) -> ([Result<Answer, any Error>], [IdempotencyKey]) {
        try records.connection.run("BEGIN IMMEDIATE")
        let now = clock()
        // Versions begin at the clock, so that they grow even if the file is played back from a copy.
        var version = max(try records.lastVersion(), now)
        var answers: [Result<Answer, any Error>] = []
        var changed: [IdempotencyKey] = []
        for job in jobs {
            guard case .checkAndSet(let key, let expected, let change) = job.request else { continue }
            let write = SQLiteRecords.Write(key: key, expected: expected, change: change)
            if try records.make(write, version: version + 1, now) {
                version += 1
                changed.append(key)
                answers.append(.success(.changed(.stored(RecordVersion(rawValue: UInt64(bitPattern: version))))))
            } else {
                answers.append(Result { .changed(.conflict(try records.find(key, now))) })
            }
        }
        if !changed.isEmpty { try records.setLastVersion(version) }
        try records.connection.run("COMMIT")
        return (answers, changed)
    }
}
#endif
