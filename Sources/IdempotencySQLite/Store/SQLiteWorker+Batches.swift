#if SQLite
internal import CSQLite
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL

@available(Idempotency 0.1, *)
extension SQLiteWorker {
    // MARK: Batches, on the queue

    /// For how long handlers run in one transaction, before those that wait for it are answered.
    private static let handlersTime = Duration.milliseconds(25)

    /// Answers what needs no write: loads, and claims of keys that are taken if most are.
    ///
    /// - Parameter looksFirst: Whether it is worth a look whether claimed keys are taken. To begin to write, and find out then,
    ///   costs more if they are, and less if they are not.
    /// - Returns: The rest.
    func read(_ batch: [SQLiteJob], _ records: SQLiteRecords, looksFirst: Bool) -> [SQLiteJob] {
        do {
            let (answers, rest) = try records.read(batch, looksFirst: looksFirst, clock)
            if answers.isEmpty { return rest }
            try records.connection.assureFile()
            for (job, answer) in answers { job.answer(answer) }
            return rest
        } catch {
            let failure = SQLiteErrors.error(for: endUse(error))
            for job in batch { job.answer(.failure(failure)) }
            return []
        }
    }

    /// Makes changes in one transaction. If one of them cannot be made, the batch is split until it is alone.
    ///
    /// - Returns: How many keys were claimed.
    func write(_ jobs: [SQLiteJob], _ records: SQLiteRecords) -> Int {
        if jobs.isEmpty { return 0 }
        let hasHandlers = jobs.contains(where: \.isHandler)
        if hasHandlers { leaveRoom(records) }
        defer { if hasHandlers { turns.end() } }
        var isCommitting = false
        do {
            let (answers, changed) = try make(jobs, records)
            isCommitting = true
            try records.connection.commitEffects()
            // A commit to a file that nobody else has is none.
            try records.connection.assureFile()
            // Only now is it durable.
            var claims = 0
            for (job, answer) in zip(jobs, answers) {
                if case .success(.changed(.stored(let version))) = answer {
                    if job.isClaim { claims += 1 }
                    continuity.note(version, in: records)
                }
                job.answer(answer)
            }
            putBack(handlers: jobs[answers.count...])
            if !changed.isEmpty { onChange(changed) }
            return claims
        } catch let loss as SQLiteFileLoss {
            abandonFile(loss)
            let failure = SQLiteErrors.error(for: loss)
            for job in jobs { job.answer(.failure(job.isHandler ? SQLCommitFailure.unknown(failure) : failure)) }
            return 0
        } catch let error as SQLiteFailure {
            return fail(jobs, error, isCommitting: isCommitting, records)
        } catch {
            for job in jobs { job.answer(.failure(error)) }
            return 0
        }
    }

    /// A transaction could not be made.
    private func fail(
        _ jobs: [SQLiteJob],
        _ error: SQLiteFailure,
        isCommitting: Bool,
        _ records: SQLiteRecords
    ) -> Int {
        let isUnknown = isCommitting && !records.connection.isInTransaction
        records.connection.rollBack()
        if let loss = records.connection.loss(behind: error) {
            abandonFile(loss)
            let failure = SQLiteErrors.error(for: loss)
            for job in jobs { job.answer(.failure(job.isHandler ? SQLCommitFailure.unknown(failure) : failure)) }
            return 0
        }
        if jobs.count > 1, error.isAboutStatement, !isUnknown {
            for job in jobs where job.isHandler { runAlone(job) }
            let plain = jobs.filter { !$0.isHandler }
            let half = plain.count == jobs.count ? plain.count / 2 : plain.count
            // The connection may be another one after a commit that failed.
            return write(Array(plain[..<half]), self.records ?? records)
                + write(Array(plain[half...]), self.records ?? records)
        }
        // The connection may have lost track of the file.
        if isUnknown { reopenIfPossible() }
        let failure = SQLiteErrors.error(for: error)
        // A claim of what is there needs no write; only had nobody looked.
        for job in isUnknown ? jobs : read(jobs, records, looksFirst: true) {
            job.answer(.failure(job.isHandler && isUnknown ? SQLCommitFailure.unknown(failure) : failure))
        }
        return 0
    }

    /// Makes changes in a transaction, and leaves it open.
    ///
    /// - Returns: The answers to the jobs, in order; fewer than jobs if handlers, which come last, had no time left.
    private func make(
        _ jobs: [SQLiteJob],
        _ records: SQLiteRecords
    ) throws -> ([Result<SQLiteJob.Answer, any Error>], [IdempotencyKey]) {
        try records.connection.run("BEGIN IMMEDIATE")
        // Before anything is written: whoever has the file of that name now shares this one's index of the log.
        try records.connection.assureFile()
        let now = clock()
        // Versions begin at the clock, so that they grow even if the file is played back from a copy.
        var version = max(try records.lastVersion(), now)
        var answers: [Result<SQLiteJob.Answer, any Error>] = []
        var changed: [IdempotencyKey] = []
        var handlersBegan: ContinuousClock.Instant?
        jobs: for job in jobs {
            if job.isHandler {
                let began = handlersBegan ?? .now
                if handlersBegan != nil, began.duration(to: .now) > Self.handlersTime { break jobs }
                handlersBegan = began
            }
            let key: IdempotencyKey?
            switch job.request {
            case .load:
                continue
            case .write(let write):
                key = try records.make(write, version: version + 1, now) ? write.key : nil
                if key == nil { answers.append(Result { .changed(.conflict(try records.find(write.key, now))) }) }
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
        if !changed.isEmpty {
            try records.setLastVersion(version)
        }
        return (answers, changed)
    }

    /// Runs a handler within the transaction that is open. Only what it did is undone if it fails.
    ///
    /// - Returns: The key that was written to; `nil`: none was, and the handler's effects are undone.
    private func run(
        _ effects: SQLiteJob.Effects,
        version: Int64,
        _ now: Int64,
        _ records: SQLiteRecords
    ) throws(SQLiteFailure) -> Result<IdempotencyKey?, any Error> {
        try records.connection.run("SAVEPOINT \(SQLiteAuthorizer.savepoint)")
        let end = DispatchTime.now() + .nanoseconds(Int(SQLiteIdempotencyStore.maximumTransactionTime.nanoseconds))
        records.connection.limitHandlersStatements(until: end)
        defer { records.connection.limitHandlersStatements(until: nil) }
        var result: Result<IdempotencyKey?, any Error> = .success(nil)
        do {
            let write = try effects(records.connection)
            if DispatchTime.now() > end { throw SQLiteErrors.handlerTooSlow }
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
