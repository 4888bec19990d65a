#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL

/// A call that waits for the database.
@available(Idempotency 0.1, *)
struct PostgreSQLJob: Sendable {
    enum Request: Sendable {
        case load
        case claim(Columns)
        /// A removal that expects nothing.
        case removeNothing
        case update(Columns, over: Int64)
        case remove(Int64)
    }

    enum Answer: Sendable {
        case loaded(StoredRecord?)
        case changed(CheckAndSetResult)
    }

    /// What a write puts into a row. Encoded by the caller, so that the connection's thread need not.
    struct Columns: Sendable {
        let state: String
        let attempt: Int64
        let held: Int64
        let kept: Int64
        let record: [UInt8]

        init(_ record: IdempotencyRecord) {
            state = RecordColumns.state(of: record)
            attempt = Int64(record.attempt)
            (held, kept) = RecordColumns.spans(of: record)
            self.record = record.encoded()
        }
    }

    let key: IdempotencyKey
    let request: Request
    private let answer = OneShot<Result<Answer, any Error>>()

    init(load key: IdempotencyKey) {
        self.key = key
        request = .load
    }

    init(_ key: IdempotencyKey, expecting expected: RecordVersion?, _ change: RecordChange) {
        self.key = key
        let version = expected.map { Int64(bitPattern: $0.rawValue) }
        request =
            switch (change, version) {
            case (.write(let record), nil): .claim(Columns(record))
            case (.write(let record), let version?): .update(Columns(record), over: version)
            case (.remove, nil): .removeNothing
            case (.remove, let version?): .remove(version)
            }
    }

    /// A finish or a renewal: a lease may be running out meanwhile.
    var isUrgent: Bool {
        switch request {
        case .update, .remove: true
        case .load, .claim, .removeNothing: false
        }
    }

    /// How many bytes it sends, about.
    var size: Int {
        switch request {
        case .claim(let columns), .update(let columns, _): columns.record.count
        case .load, .removeNothing, .remove: 0
        }
    }

    func wait() async throws -> Answer { try await answer.value().get() }

    func fail(_ error: any Error) { answer.fire(.failure(error)) }

    /// The change is made, in this version.
    func stored(_ version: Int64) {
        answer.fire(.success(.changed(.stored(RecordVersion(rawValue: UInt64(bitPattern: version))))))
    }

    /// This is there, and hinders the change if one was asked for.
    func found(_ record: StoredRecord?) {
        if case .load = request {
            answer.fire(.success(.loaded(record)))
        } else {
            answer.fire(.success(.changed(.conflict(record))))
        }
    }
}
#endif
