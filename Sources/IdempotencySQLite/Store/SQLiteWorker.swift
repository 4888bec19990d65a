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

    private struct Job: Sendable {
        let request: Request
        let answer = OneShot<Result<Answer, any Error>>()

        /// A handler, a finish or a renewal: a lease may be running out meanwhile.
        var isUrgent: Bool {
            switch request {
            case .checkAndSet(_, .some, _), .effects: true
            case .load, .checkAndSet: false
            }
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
            do {
                return try body(try self.opened(), self.clock())
            } catch {
                self.records?.connection.rollBack()
                throw SQLiteErrors.error(for: error)
            }
        }
    }

    /// How many calls wait.
    var waitingCalls: Int { state.withLock { $0.urgent.count + $0.others.count } }

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
        let batch = state.withLock { state -> [Job] in
            var batch = Array(state.urgent.prefix(Self.batchSize))
            state.urgent.removeFirst(batch.count)
            let more = state.others.prefix(Self.batchSize - batch.count)
            batch += more
            state.others.removeFirst(more.count)
            if batch.isEmpty { state.isAtWork = false }
            return batch
        }
        if batch.isEmpty { return false }
        do {
            let records = try opened()
            write(read(batch, records), records)
        } catch {
            let failure = SQLiteErrors.error(for: error)
            for job in batch { job.answer.fire(.failure(failure)) }
        }
        return true
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
                case .checkAndSet, .effects:
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
        var isCommitting = false
        do {
            let (answers, changed) = try make(jobs, records)
            isCommitting = true
            try records.connection.commitEffects()
            // Only now is it durable.
            for (job, answer) in zip(jobs, answers) { job.answer.fire(answer) }
            if !changed.isEmpty { onChange(changed) }
        } catch {
            let isUnknown = isCommitting && !records.connection.isInTransaction
            records.connection.rollBack()
            if jobs.count > 1, error.isAboutStatement, !isUnknown {
                // The connection may be another one after a commit that failed.
                for job in jobs { write([job], self.records ?? records) }
                return
            }
            // The connection may have lost track of the file.
            if isUnknown, let reopen { self.records = try? reopen() }
            let failure = SQLiteErrors.error(for: error)
            for job in jobs {
                let isEffects = if case .effects = job.request { true } else { false }
                job.answer.fire(.failure(isEffects && isUnknown ? SQLCommitFailure.unknown(failure) : failure))
            }
        }
    }

    /// Makes changes in a transaction, and leaves it open.
    private func make(
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
            let key: IdempotencyKey?
            switch job.request {
            case .load:
                continue
            case .checkAndSet(let itsKey, let expected, let change):
                let write = SQLiteRecords.Write(key: itsKey, expected: expected, change: change)
                key = try records.make(write, version: version + 1, now) ? itsKey : nil
                if key == nil { answers.append(Result { .changed(.conflict(try records.find(itsKey, now))) }) }
            case .effects(let effects):
                switch try run(effects, version: version + 1, now, records) {
                case .success(let itsKey):
                    key = itsKey
                    if key == nil { answers.append(.success(.changed(.conflict(nil)))) }
                case .failure(let error):
                    key = nil
                    answers.append(.failure(error))
                }
            }
            guard let key else { continue }
            version += 1
            changed.append(key)
            answers.append(.success(.changed(.stored(RecordVersion(rawValue: UInt64(bitPattern: version))))))
        }
        if !changed.isEmpty { try records.setLastVersion(version) }
        return (answers, changed)
    }

    /// Runs a handler within the transaction that is open. Only what it did is undone if it fails.
    ///
    /// - Returns: The key that was written to; `nil`: none was, and the handler's effects are undone.
    private func run(
        _ effects: Effects,
        version: Int64,
        _ now: Int64,
        _ records: SQLiteRecords
    ) throws(SQLiteFailure) -> Result<IdempotencyKey?, any Error> {
        try records.connection.run("SAVEPOINT \(SQLiteAuthorizer.savepoint)")
        var result: Result<IdempotencyKey?, any Error> = .success(nil)
        do {
            let write = try effects(records.connection)
            // A handler may have taken no notice that a statement ended the transaction: its record is not to be committed
            // by itself.
            if records.connection.isInTransaction {
                if let write, try records.make(write, version: version, now) {
                    result = .success(write.key)
                } else {
                    try records.connection.undoEffects()
                }
            }
        } catch {
            result = .failure(error)
        }
        // Some errors end a transaction, and with it what others of the batch did.
        guard records.connection.isInTransaction else {
            throw SQLiteFailure(code: SQLITE_ABORT, message: "SQLite has undone the transaction")
        }
        if case .failure = result { try records.connection.undoEffects() }
        try records.connection.run("RELEASE \(SQLiteAuthorizer.savepoint)")
        return result
    }
}
#endif
