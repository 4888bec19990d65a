#if SQLite
internal import CSQLite
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL

@available(Idempotency 0.1, *)
extension SQLiteWorker {
    // MARK: Handlers that run on the queue

    /// Runs a handler on the queue, and commits what it did together with its record.
    ///
    /// - Parameters:
    ///   - key: The key that is being run.
    ///   - effects: Runs the handler.
    ///   - write: What it said is to be written.
    func transact(
        _ key: IdempotencyKey,
        _ effects: @escaping SQLiteJob.Effects,
        writing write: () -> RecordWrite?
    ) async -> TransactionResult {
        do {
            guard case .changed(.stored(let version)) = try await ask(.effects(effects)), let write = write() else {
                return .lost
            }
            return .committed(write, version)
        } catch SQLCommitFailure.unknown(let error) {
            // Read through a new connection, the record says what became of it: both are there, or neither.
            guard let write = write(), case .loaded(let found)? = try? await ask(.load(key)) else {
                return .unknown(error)
            }
            guard let found, found.version > write.expected, found.record.claimant == write.record.claimant else {
                return .undone(error)
            }
            return .committed(write, found.version)
        } catch {
            return .undone(error)
        }
    }

    /// Leaves the write lock alone for a moment if handlers have kept it for long: another process may have a renewal to make.
    func leaveRoom(_ records: SQLiteRecords) {
        guard records.connection.isFile, let room = turns.begin() else { return }
        records.connection.patience.sleep(room)
    }

    // MARK: Handlers that run elsewhere

    /// Whether a session has begun and ended, or has to wait for another process.
    enum Serving {
        case done
        case again
    }

    /// Waits for the thread, and keeps it for a handler's transaction until that is ended or its time is over.
    ///
    /// - Parameters:
    ///   - limit: How long the transaction may stay open.
    ///   - patience: How long it may wait for its turn.
    func openSession(for limit: Duration, waiting patience: Duration) async throws -> SQLiteSession {
        let mailbox = SQLiteMailbox()
        let session = SQLiteSession(
            mailbox: mailbox,
            clock: clock,
            resolve: { key, version in try self.isThere(key, version) },
            continuity: continuity,
            onChange: onChange
        )
        let pending = SQLitePendingSession(session, mailbox, limit: limit, patience: patience)
        enqueue(.session(pending))
        try await withTaskCancellationHandler {
            try await pending.begun.value().get()
        } onCancel: {
            pending.begun.fire(.failure(CancellationError()))
        }
        return session
    }

    /// Serves a handler's transaction. On the queue.
    func serve(_ pending: SQLitePendingSession) -> Serving {
        let records: SQLiteRecords
        let deadline: DispatchTime
        do {
            records = try opened()
            leaveRoom(records)
            // Not for long: a renewal of this process may have arrived, and is to have the lock first.
            try records.connection.beginEffects(waiting: .milliseconds(20))
            try records.connection.assureFile()
            deadline = DispatchTime.now() + .nanoseconds(Int(clamping: pending.limit.nanoseconds))
            records.connection.limitHandlersStatements(until: deadline)
        } catch let failure as SQLiteFailure where failure.primaryCode == SQLITE_BUSY {
            return .again
        } catch {
            pending.begun.fire(.failure(SQLiteErrors.error(for: endUse(error))))
            return .done
        }
        defer { records.connection.limitHandlersStatements(until: nil) }
        // Its handler may have gone meanwhile.
        if pending.begun.fire(.success(())) {
            while !pending.session.isOver, let letter = pending.mailbox.next(until: deadline) { letter(records) }
        }
        let unread = pending.mailbox.close()
        // Not those of a handler that takes too long: they are answered when there is nothing left to be done.
        self.records?.connection.rollBack()
        turns.end()
        for letter in unread { letter(records) }
        return .done
    }

    /// Whether a version of a record is there, asked through a new connection: the old one may have lost track of the file.
    private func isThere(_ key: IdempotencyKey, _ version: RecordVersion) throws -> Bool {
        guard reopen != nil else { return false }
        do {
            try records?.connection.assureFile()
            records?.connection.close()
            records = nil
        } catch {
            abandonFile(error)
        }
        return try opened().find(key, clock())?.version == version
    }
}
#endif
