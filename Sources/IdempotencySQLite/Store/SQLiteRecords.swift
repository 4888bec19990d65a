#if SQLite
internal import CSQLite
internal import Idempotency
internal import IdempotencySQL

/// The records of one table, through one connection. To be used by one thread at a time.
@available(Idempotency 0.1, *)
struct SQLiteRecords {
    /// What a write is to do to a key.
    struct Write: Sendable {
        let key: IdempotencyKey
        let expected: RecordVersion?
        /// `nil`: the record is to be removed.
        let columns: RecordColumns?

        init(key: IdempotencyKey, expected: RecordVersion?, change: RecordChange) {
            self.key = key
            self.expected = expected
            columns = if case .write(let record) = change { RecordColumns(record) } else { nil }
        }
    }

    let connection: SQLiteConnection
    private let sql: SQLiteStatements

    init(_ connection: SQLiteConnection, _ sql: SQLiteStatements) {
        self.connection = connection
        self.sql = sql
    }

    /// What is there and not expired.
    func find(_ key: IdempotencyKey, _ now: Int64) throws -> StoredRecord? {
        let select = try connection.statement(sql.find)
        defer { select.reset() }
        try select.bind(key.scope.text, at: 1)
        try select.bind(valueOf: key, at: 2)
        guard try select.step() else { return nil }
        return try RecordColumns.stored(
            record: select.bytes(3),
            version: select.integer(0),
            heldUntil: select.integer(1),
            expiresAt: select.integer(2),
            now: now
        )
    }

    /// Answers what needs no write: loads, and claims of keys that are taken.
    ///
    /// - Parameter looksFirst: Whether claims are looked at.
    /// - Returns: The answers, which are not told yet, and the jobs that need more.
    /// - Throws: ``SQLiteFailure`` where the file is not what it was.
    func read(
        _ jobs: [SQLiteJob],
        looksFirst: Bool,
        _ clock: () -> Int64
    ) throws -> (answers: [(SQLiteJob, Result<SQLiteJob.Answer, any Error>)], rest: [SQLiteJob]) {
        func isRead(_ job: SQLiteJob) -> Bool {
            if case .load = job.request { true } else { looksFirst && job.isClaim }
        }
        let reads = jobs.count(where: isRead)
        if reads == 0 { return ([], jobs) }
        var rest: [SQLiteJob] = []
        var answers: [(SQLiteJob, Result<SQLiteJob.Answer, any Error>)] = []
        // One look at the database for all: to begin a transaction costs more than to find a row.
        if reads > 1 { try? connection.run("BEGIN") }
        let now = clock()
        for job in jobs {
            do {
                switch job.request {
                case .load(let key):
                    answers.append((job, .success(.loaded(try find(key, now)))))
                case .write(let write) where isRead(job):
                    if let found = try find(write.key, now) {
                        answers.append((job, .success(.changed(.conflict(found)))))
                    } else {
                        rest.append(job)
                    }
                case .write, .effects:
                    rest.append(job)
                }
            } catch let failure as SQLiteFailure where failure.isShortRead {
                connection.rollBack()
                throw failure
            } catch {
                answers.append((job, .failure(SQLiteErrors.error(for: error))))
            }
        }
        if reads > 1 { try? connection.run("COMMIT") }
        return (answers, rest)
    }

    /// Makes a change if the version that is there is the one expected. Within a transaction that holds the write lock.
    ///
    /// - Returns: Whether it was made.
    func make(_ write: Write, version: Int64, _ now: Int64) throws(SQLiteFailure) -> Bool {
        switch (write.columns, write.expected) {
        case (let columns?, nil): try insert(write.key, columns, version, now)
        case (let columns?, let expected?): try update(write.key, columns, over: expected, version, now)
        case (nil, let expected?): try remove(write.key, expected, now)
        case (nil, nil): try !isThere(write.key, now)
        }
    }

    /// Makes a change within a transaction of a handler's. `nil`: it was not made.
    func makeInTransaction(_ write: Write, _ now: Int64) throws(SQLiteFailure) -> RecordVersion? {
        // Some errors end a transaction; what came after them would be committed by itself.
        guard connection.isInTransaction else {
            throw SQLiteFailure(code: SQLITE_ABORT, message: "SQLite has undone the transaction")
        }
        let version = max(try lastVersion(), now) + 1
        guard try make(write, version: version, now) else { return nil }
        try setLastVersion(version)
        return RecordVersion(rawValue: UInt64(bitPattern: version))
    }

    private func insert(
        _ key: IdempotencyKey,
        _ columns: RecordColumns,
        _ version: Int64,
        _ now: Int64
    ) throws(SQLiteFailure) -> Bool {
        let statement = try connection.statement(sql.insert)
        try statement.bind(key.scope.text, at: 1)
        try statement.bind(valueOf: key, at: 2)
        try bind(columns, to: statement, version, now)
        try statement.bind(key.scope.operation, at: 10)
        try statement.bind(key.scope.tenant, at: 11)
        try statement.bind(key.scope.principal, at: 12)
        try statement.run()
        return connection.changes > 0
    }

    private func update(
        _ key: IdempotencyKey,
        _ columns: RecordColumns,
        over expected: RecordVersion,
        _ version: Int64,
        _ now: Int64
    ) throws(SQLiteFailure) -> Bool {
        let statement = try connection.statement(sql.update)
        try statement.bind(key.scope.text, at: 1)
        try statement.bind(valueOf: key, at: 2)
        try bind(columns, to: statement, version, now)
        try statement.bind(Int64(bitPattern: expected.rawValue), at: 10)
        try statement.run()
        return connection.changes > 0
    }

    private func bind(
        _ columns: RecordColumns,
        to statement: SQLiteStatement,
        _ version: Int64,
        _ now: Int64
    ) throws(SQLiteFailure) {
        try statement.bind(columns.state, at: 3)
        try statement.bind(columns.attempt, at: 4)
        try statement.bind(version, at: 5)
        // When it is written, and what has expired by then.
        try statement.bind(now, at: 6)
        try statement.bind(now.addingClamped(columns.held), at: 7)
        try statement.bind(now.addingClamped(columns.kept), at: 8)
        try statement.bind(columns.record, at: 9)
    }

    private func remove(
        _ key: IdempotencyKey,
        _ expected: RecordVersion,
        _ now: Int64
    ) throws(SQLiteFailure) -> Bool {
        let statement = try connection.statement(sql.remove)
        try statement.bind(key.scope.text, at: 1)
        try statement.bind(valueOf: key, at: 2)
        try statement.bind(Int64(bitPattern: expected.rawValue), at: 3)
        try statement.bind(now, at: 4)
        try statement.run()
        return connection.changes > 0
    }

    private func isThere(_ key: IdempotencyKey, _ now: Int64) throws(SQLiteFailure) -> Bool {
        let select = try connection.statement(sql.find)
        defer { select.reset() }
        try select.bind(key.scope.text, at: 1)
        try select.bind(valueOf: key, at: 2)
        guard try select.step() else { return false }
        return select.integer(2) > now
    }

    /// The greatest version that was ever given. Within a transaction that holds the write lock.
    func lastVersion() throws(SQLiteFailure) -> Int64 {
        let select = try connection.statement(sql.lastVersion)
        defer { select.reset() }
        return try select.step() ? select.integer(0) : 0
    }

    /// Tells this database from others; `nil`: it has no tables yet.
    func databaseNumber() throws(SQLiteFailure) -> Int64? {
        let select = try connection.statement(sql.databaseNumber)
        defer { select.reset() }
        return try select.step() ? select.integer(0) : nil
    }

    func setLastVersion(_ version: Int64) throws(SQLiteFailure) {
        let statement = try connection.statement(sql.setLastVersion)
        try statement.bind(version, at: 1)
        try statement.run()
    }

    /// Grows when another connection commits a change.
    func contentNumber() throws(SQLiteFailure) -> Int64 {
        let select = try connection.statement(sql.contentNumber)
        defer { select.reset() }
        return try select.step() ? select.integer(0) : 0
    }

    /// Takes away what has expired. Returns how many records that were.
    func purge(_ limit: Int, _ now: Int64) throws(SQLiteFailure) -> Int {
        let statement = try connection.statement(sql.purge)
        try statement.bind(now, at: 1)
        try statement.bind(Int64(limit), at: 2)
        try statement.run()
        return connection.changes
    }
}
#endif
