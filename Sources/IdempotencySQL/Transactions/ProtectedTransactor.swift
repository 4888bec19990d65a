internal import Idempotency

/// Commits the effects of a run together with its record.
@available(Idempotency 0.1, *)
struct ProtectedTransactor<Kind: ResultKind>: Transactor {
    let settings: TransactionSettings
    let run: TransactionalRun<Kind>

    /// Runs the handler and finishes the run.
    ///
    /// - Throws: `RunIsOver` once the run has ended; anything else if nothing has taken effect.
    func execute(
        _ handler: nonisolated(nonsending) (SQLTransaction, TransactionalExecution) async throws -> Kind.Value
    ) async throws -> Kind.Value {
        var tries = 0
        while true {
            tries += 1
            let transaction = settings.makeTransaction(run)
            let value: Kind.Value
            do {
                value = try await handler(transaction, TransactionalExecution(run.execution, transaction, self))
            } catch {
                // What a handler makes of a deadlock is no answer for good.
                if !transaction.mayBeRepeated, run.isFinal(error) {
                    switch await fail(error, transaction) {
                    case .committed: throw RunIsOver(error)
                    case .over(let error): throw RunIsOver(error)
                    case .undone(let error):
                        // What the failure was decided on is undone: it is decided again, or left to the next call.
                        try await pause(after: tries, error, transaction)
                        run.takeStepsAgain()
                        continue
                    }
                }
                let mayRepeat = transaction.mayBeRepeated && tries < settings.maximumTries
                await transaction.rollBack()
                guard mayRepeat else { throw error }
                try await run.pause(after: tries)
                run.takeStepsAgain()
                continue
            }
            guard let session = try await transaction.endIfBegun() else {
                try await run.finishWithoutTransaction(value)
                return value
            }
            switch await end(session, run.finish, { run.completion(value) }) {
            case .committed: return value
            case .over(let error): throw RunIsOver(error)
            case .undone(let error):
                try await pause(after: tries, error, transaction)
                run.takeStepsAgain()
            }
        }
    }

    /// Undoes what the handler did, and commits its failure instead, together with the reads that it was decided on.
    ///
    /// Never without them: a read that the database takes back may have seen what never came to be.
    private func fail(_ failure: any Error, _ transaction: SQLTransaction) async -> TransactionEnd {
        do {
            guard let session = try await transaction.endIfBegun() else {
                return .over(await run.failWithoutTransaction(failure).error)
            }
            try await undo(session)
            return await end(session, run.finish, { run.failure(failure) })
        } catch {
            return .undone(error)
        }
    }

    /// Undoes what was done in a session whose turn is taken, and leaves it open; ends both if that fails.
    private func undo(_ session: any SQLSession) async throws {
        do {
            try await session.undo()
        } catch {
            await session.rollback()
            run.endTurn()
            throw error
        }
    }

    /// Undoes what a step did that failed for good, and commits the reads that its failure was decided on.
    ///
    /// - Throws: What the database says if it does not commit them: then the failure is not known to be one.
    private func commitReads(_ transaction: SQLTransaction) async throws {
        guard let session = try await transaction.endIfBegun() else { return }
        try await undo(session)
        defer { run.endTurn() }
        do {
            try await session.commit()
        } catch SQLCommitFailure.undone(let error) {
            throw error
        } catch SQLCommitFailure.unknown(let error) {
            // Nothing was to be committed but reads.
            throw error
        }
    }

    func take<Step: ResultKind>(
        step name: String,
        _ kind: Step.Type,
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Step.Value
    ) async throws -> Step.Value {
        if let kept = try await run.beginStep(name, kind) { return kept }
        var tries = 0
        while true {
            tries += 1
            let transaction = settings.makeTransaction(run)
            let value: Step.Value
            do {
                value = try await body(transaction)
            } catch {
                if !transaction.mayBeRepeated, run.isFinal(error) {
                    let failure = error
                    do {
                        try await commitReads(transaction)
                    } catch {
                        try await pause(after: tries, error, transaction)
                        continue
                    }
                    throw failure
                }
                await transaction.rollBack()
                guard transaction.mayBeRepeated, tries < settings.maximumTries else { throw error }
                try await run.pause(after: tries)
                continue
            }
            let session = try await transaction.end()
            switch await end(session, run.finishStep, { run.checkpoint(name, kind, value) }) {
            case .committed: return value
            case .over(let error): throw error
            case .undone(let error): try await pause(after: tries, error, transaction)
            }
        }
    }

    /// Commits a write of the run in its turn, and ends the session whatever happens.
    private func end(
        _ session: any SQLSession,
        _ finish:
            nonisolated(nonsending) (nonisolated(nonsending) () async -> TransactionResult) async -> TransactionEnd,
        _ prepare: @escaping () -> RecordWrite?
    ) async -> TransactionEnd {
        var isEnded = false
        let end = await finish {
            guard let write = prepare() else { return .lost }
            isEnded = true
            return await session.commit(write, under: run.key)
        }
        if !isEnded { await session.rollback() }
        return end
    }

    /// Waits for the next try of what the database undid at its end, or before in a statement whose error the handler hid.
    private func pause(after tries: Int, _ error: any Error, _ transaction: SQLTransaction) async throws {
        let mayRepeat = transaction.mayBeRepeated || (error as? SQLError)?.mayBeRepeated ?? false
        guard mayRepeat, tries < settings.maximumTries else { throw error }
        try await run.pause(after: tries)
    }
}

@available(Idempotency 0.1, *)
extension SQLSession {
    /// Writes the record and commits.
    fileprivate func commit(_ write: RecordWrite, under key: IdempotencyKey) async -> TransactionResult {
        do {
            switch try await finish(key, writing: write.record, over: write.expected) {
            case .stored(let version): return .committed(write, version)
            case .conflict: return .lost
            }
        } catch SQLCommitFailure.undone(let error) {
            return .undone(error)
        } catch SQLCommitFailure.unknown(let error) {
            return .unknown(error)
        } catch {
            return .unknown(error)
        }
    }
}
