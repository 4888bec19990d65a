#if SQLite
internal import CSQLite
internal import Idempotency
internal import IdempotencySQL

@available(Idempotency 0.1, *)
extension SQLiteWorker {
    // MARK: Batches, on the queue

    /// Answers what needs no write: loads, and claims of keys that are taken if most are.
    ///
    /// - Parameter looksFirst: Whether it is worth a look whether claimed keys are taken. To begin to write, and find out then,
    ///   costs more if they are, and less if they are not.
    /// - Returns: The rest.
    func read(_ batch: [SQLiteJob], _ records: SQLiteRecords, looksFirst: Bool) -> [SQLiteJob] {
        func isRead(_ job: SQLiteJob) -> Bool {
            if case .load = job.request { true } else { looksFirst && job.isClaim }
        }
        let reads = batch.count(where: isRead)
        if reads == 0 { return batch }
        var rest: [SQLiteJob] = []
        var answers: [(SQLiteJob, Result<SQLiteJob.Answer, any Error>)] = []
        // One look at the database for all: to begin a transaction costs more than to find a row.
        if reads > 1 { try? records.connection.run("BEGIN") }
        let now = clock()
        for job in batch {
            do {
                switch job.request {
                case .load(let key):
                    answers.append((job, .success(.loaded(try records.find(key, now)))))
                case .write(let write) where isRead(job):
                    if let found = try records.find(write.key, now) {
                        answers.append((job, .success(.changed(.conflict(found)))))
                    } else {
                        rest.append(job)
                    }
                case .write, .effects:
                    rest.append(job)
                }
            } catch {
                answers.append((job, .failure(SQLiteErrors.error(for: error))))
            }
        }
        if reads > 1 { try? records.connection.run("COMMIT") }
        for (job, answer) in answers { job.answer(answer) }
        return rest
    }

    /// Makes changes in one transaction. If one of them cannot be made, each is tried in a transaction of its own.
    ///
    /// - Returns: How many keys were claimed.
    func write(_ jobs: [SQLiteJob], _ records: SQLiteRecords) -> Int {
        if jobs.isEmpty { return 0 }
        var isCommitting = false
        do {
            let (answers, changed) = try make(jobs, records)
            isCommitting = true
            try records.connection.commitEffects()
            // Only now is it durable.
            var claims = 0
            for (job, answer) in zip(jobs, answers) {
                if job.isClaim, case .success(.changed(.stored)) = answer { claims += 1 }
                job.answer(answer)
            }
            if !changed.isEmpty { onChange(changed) }
            return claims
        } catch {
            let isUnknown = isCommitting && !records.connection.isInTransaction
            records.connection.rollBack()
            if jobs.count > 1, error.isAboutStatement, !isUnknown {
                // The connection may be another one after a commit that failed.
                return jobs.reduce(0) { $0 + write([$1], self.records ?? records) }
            }
            // The connection may have lost track of the file.
            if isUnknown { reopenIfPossible() }
            let failure = SQLiteErrors.error(for: error)
            // A claim of what is there needs no write; only had nobody looked.
            for job in isUnknown ? jobs : read(jobs, records, looksFirst: true) {
                let isEffects = if case .effects = job.request { true } else { false }
                job.answer(.failure(isEffects && isUnknown ? SQLCommitFailure.unknown(failure) : failure))
            }
            return 0
        }
    }

    /// Makes changes in a transaction, and leaves it open.
    private func make(
        _ jobs: [SQLiteJob],
        _ records: SQLiteRecords
    ) throws(SQLiteFailure) -> ([Result<SQLiteJob.Answer, any Error>], [IdempotencyKey]) {
        try records.connection.run("BEGIN IMMEDIATE")
        let now = clock()
        // Versions begin at the clock, so that they grow even if the file is played back from a copy.
        var version = max(try records.lastVersion(), now)
        var answers: [Result<SQLiteJob.Answer, any Error>] = []
        var changed: [IdempotencyKey] = []
        for job in jobs {
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
        if !changed.isEmpty { try records.setLastVersion(version) }
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
