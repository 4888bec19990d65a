#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// A call that waits for the database.
@available(Idempotency 0.1, *)
final class PostgreSQLJob: Sendable {
    enum Request: Sendable {
        case load
        case claim(RecordColumns)
        /// A removal that expects nothing.
        case removeNothing
        case update(RecordColumns, over: Int64)
        case remove(Int64)
    }

    enum Answer: Sendable {
        case loaded(StoredRecord?)
        case changed(CheckAndSetResult)
    }

    let key: IdempotencyKey
    let request: Request
    private let began = ContinuousClock.now
    private let caller: UnsafeContinuation<Answer, any Error>
    private let isAnswered = Atomic(false)
    private let metLock = Atomic(false)

    init(_ key: IdempotencyKey, _ request: Request, _ caller: UnsafeContinuation<Answer, any Error>) {
        self.key = key
        self.request = request
        self.caller = caller
    }

    /// A finish or a renewal: a lease may be running out meanwhile.
    var isUrgent: Bool {
        switch request {
        case .update, .remove: true
        case .load, .claim, .removeNothing: false
        }
    }

    /// Whether its row was locked when it was tried before.
    var wasLocked: Bool { metLock.load(ordering: .relaxed) }

    func noteLock() { metLock.store(true, ordering: .relaxed) }

    /// Since when it has waited.
    var age: Duration { began.duration(to: .now) }

    /// How many bytes it sends, about.
    var size: Int {
        switch request {
        case .claim(let columns), .update(let columns, _): columns.record.count
        case .load, .removeNothing, .remove: 0
        }
    }

    /// Lets the caller go on. The first answer counts.
    func answer(_ result: Result<Answer, any Error>) {
        if isAnswered.exchange(true, ordering: .relaxed) { return }
        caller.resume(with: result)
    }

    /// What the caller is told if this is there, and hinders the change if one was asked for.
    func whenFound(_ record: StoredRecord?) -> Answer {
        if case .load = request { .loaded(record) } else { .changed(.conflict(record)) }
    }
}

@available(Idempotency 0.1, *)
extension PostgreSQLJob.Request {
    init(expecting expected: RecordVersion?, _ change: RecordChange) {
        let version = expected.map { Int64(bitPattern: $0.rawValue) }
        self =
            switch (change, version) {
            case (.write(let record), nil): .claim(RecordColumns(record))
            case (.write(let record), let version?): .update(RecordColumns(record), over: version)
            case (.remove, nil): .removeNothing
            case (.remove, let version?): .remove(version)
            }
    }
}
#endif
