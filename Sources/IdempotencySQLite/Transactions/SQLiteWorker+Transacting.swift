#if SQLite
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

    // MARK: Handlers that run elsewhere

    /// Keeps the queue for a handler's transaction, until that is ended or its time is over.
    func openSession(for limit: Duration) async throws -> SQLiteSession {
        let mailbox = SQLiteMailbox()
        let session = SQLiteSession(
            mailbox: mailbox,
            clock: clock,
            resolve: { key, version in try self.isThere(key, version) },
            onChange: onChange
        )
        let begun = OneShot<Result<Void, any Error>>()
        queue.async {
            let records: SQLiteRecords
            let deadline: DispatchTime
            do {
                records = try self.opened()
                try records.connection.beginEffects()
                deadline = DispatchTime.now() + .nanoseconds(Int(limit.nanoseconds))
                records.connection.limitHandlersStatements(until: deadline)
                begun.fire(.success(()))
            } catch {
                self.records?.connection.rollBack()
                return _ = begun.fire(.failure(SQLiteErrors.error(for: error)))
            }
            defer { records.connection.limitHandlersStatements(until: nil) }
            while !session.isOver, let letter = mailbox.next(until: deadline) { letter(records) }
            let unread = mailbox.close()
            // Not those of a handler that takes too long: they are answered when there is nothing left to be done.
            self.records?.connection.rollBack()
            for letter in unread { letter(records) }
        }
        try await begun.value().get()
        return session
    }

    /// Whether a version of a record is there, asked through a new connection: the old one may have lost track of the file.
    private func isThere(_ key: IdempotencyKey, _ version: RecordVersion) throws -> Bool {
        guard let reopen else { return false }
        records = nil
        let reopened = try reopen()
        records = reopened
        return try reopened.find(key, clock())?.version == version
    }
}
#endif
