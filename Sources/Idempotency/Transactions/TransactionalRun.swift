/// A run whose effects are committed together with its record: the engine's part in it.
///
/// The other part opens transactions, and has the run's writes made in them. Once a run is finished its duplicates have
/// its answer.
@available(Idempotency 0.1, *)
package struct TransactionalRun<Kind: ResultKind>: Sendable {
    private let run: Run
    private let engine: Engine
    private let failures: [any FinalFailure.Type]

    init(_ run: Run, _ engine: Engine, _ failures: [any FinalFailure.Type]) {
        self.run = run
        self.engine = engine
        self.failures = failures
    }

    /// What the handler knows of its run.
    package var execution: IdempotentExecution { IdempotentExecution(run, engine) }

    /// The key that is being run.
    package var key: IdempotencyKey { run.key }

    // MARK: Preparing a write, in its turn

    /// The write that records what the handler returned. `nil`: the key is not the run's any more.
    package func completion(_ value: Kind.Value) -> RecordWrite? {
        let policy = run.call.policy
        let kept = Kind.keep(value, by: engine, limit: policy.maximumResultSize)
        return prepare(.complete(kept, retention: policy.retentionNanoseconds))
    }

    /// Whether an error is an answer for good, to be kept like a result.
    package func isFinal(_ error: any Error) -> Bool {
        if case .fail(.final, _) = event(for: error) { true } else { false }
    }

    /// The write that records a final failure. `nil`: the key is not the run's any more.
    package func failure(_ error: any Error) -> RecordWrite? {
        prepare(event(for: error))
    }

    /// The write that keeps a step's result. `nil`: the key is not the run's any more.
    package func checkpoint<Step: ResultKind>(_ name: String, _ kind: Step.Type, _ value: Step.Value) -> RecordWrite? {
        let kept = Step.keep(value, by: engine, limit: run.call.policy.maximumResultSize)
        return prepare(.checkpoint(Checkpoint(name: name, value: kept)))
    }

    private func event(for error: any Error) -> RecordStateMachine.Event {
        engine.classify(error, .rerun, run.call.policy, failures).0
    }

    private func prepare(_ event: RecordStateMachine.Event) -> RecordWrite? {
        guard case .write(let record, let expected) = run.turn(for: event) else { return nil }
        return RecordWrite(record: record, expected: expected)
    }

    // MARK: Making it

    /// Takes the turn to write: no other write of the run comes in between, until ``finish(in:)``, ``finishStep(in:)`` or
    /// ``endTurn()``.
    ///
    /// Looks what is stored if that is not certain: on a database with one writer, nobody can while a transaction is open.
    package func takeTurn() async {
        await run.takeTurn()?.value()
        await engine.writer.lookIfUncertain(run)
    }

    /// Gives the turn back without having written.
    package func endTurn() { run.endTurn() }

    /// Has a transaction make the run's last write, and ends the turn.
    ///
    /// - Parameter transaction: Prepares the write, makes it and commits, or undoes everything.
    /// - Returns: The error to be thrown; `nil`: none, or it is undone.
    package func finish(in transaction: () async -> TransactionResult) async -> TransactionEnd {
        let result = await engine.writer.writeInTurn(of: run, isLast: true, in: transaction)
        switch result {
        case .committed(let write, _):
            engine.flights.resolve(run)
            engine.reportEnd(of: run, write.record)
            return .committed
        case .undone(let error):
            return .undone(error)
        case .lost:
            engine.abandonFlight(of: run, .leaseLost, nil)
            return .over(IdempotencyError.leaseLostInTransaction)
        case .unknown(let error):
            engine.abandonFlight(of: run, .unsaved, error)
            return .over(IdempotencyError.commitUnknown(error))
        }
    }

    /// Ends a run whose transaction was never begun.
    ///
    /// - Throws: ``RunIsOver``.
    package func finishWithoutTransaction(_ value: Kind.Value) async throws(RunIsOver) {
        do {
            try await engine.conclude(run, Kind.keep(value, by: engine, limit: run.call.policy.maximumResultSize))
        } catch {
            throw RunIsOver(error)
        }
    }

    /// Ends a run that failed for good, and whose transaction was never begun.
    package func failWithoutTransaction(_ error: any Error) async -> RunIsOver {
        RunIsOver(await engine.concludeFailure(run, error, failures))
    }

    // MARK: Transactions that the service opens itself

    /// The service says that it has committed the run's last write: looks whether it is there, and ends the turn and the run.
    package func lookAfterCommit() async throws {
        let found: StoredRecord?
        do {
            found = try await engine.store.load(run.key, notBefore: run.stored?.version)
        } catch {
            abandon(.unsaved, error)
            throw IdempotencyError.commitUnknown(error)
        }
        guard let found, found.record.claimant == run.claimant else {
            run.withState { $0.lose() }
            abandon(.leaseLost, nil)
            throw IdempotencyError.leaseLostBeforeCommit
        }
        guard !found.record.isPending else {
            abandon(.unsaved, nil)
            throw IdempotencyError.notCommitted
        }
        run.wrote(found.record, found.version, sentAt: 0)
        run.endTurn()
        engine.flights.resolve(run)
        engine.reportEnd(of: run, found.record)
    }

    /// The service has undone everything: frees the key, and ends the run. The turn must not be taken.
    ///
    /// - Returns: The error to be thrown.
    package func undone(_ error: any Error) async -> any Error {
        await engine.concludeFailure(run, EffectDidNotHappen(error), [])
    }

    /// Leaves the run without a word, with its turn taken: whoever comes next finds out.
    package func abandon() { abandon(.unsaved, nil) }

    /// Leaves the run without a word.
    package func abandonWithoutTurn() { engine.abandonFlight(of: run, .unsaved, nil) }

    private func abandon(_ kind: IdempotencyEvent.Kind, _ error: (any Error)?) {
        // Before a renewal that stands in line has its turn.
        run.withState { $0.leave() }
        run.endTurn()
        engine.abandonFlight(of: run, kind, error)
    }

    // MARK: Steps

    /// Begins a step. Returns what an earlier attempt kept of it; `nil`: take it.
    package func beginStep<Step: ResultKind>(_ name: String, _ kind: Step.Type) async throws -> Step.Value? {
        try await engine.beginStep(name, of: run).map { try Step.restore($0, by: engine) }
    }

    /// The handler begins again in the same run, and comes to its steps once more: to those that are kept, too.
    package func takeStepsAgain() { run.withState { $0.forgetSteps() } }

    /// Has a transaction keep a step's result, and ends the turn.
    ///
    /// - Parameter transaction: Prepares the write, makes it and commits, or undoes everything.
    package func finishStep(in transaction: () async -> TransactionResult) async -> TransactionEnd {
        switch await engine.writer.writeInTurn(of: run, isLast: false, in: transaction) {
        case .committed: return .committed
        case .undone(let error): return .undone(error)
        case .lost: return .over(IdempotencyError.leaseLostInTransaction)
        case .unknown(let error): return .over(IdempotencyError.stepUnknown(error))
        }
    }

    /// Waits before a transaction is begun again that was undone to let another one pass: longer each time, and never as long
    /// as another one that was.
    ///
    /// - Parameter count: How often it was begun.
    /// - Throws: `CancellationError`, or ``IdempotencyError`` if the key is not the run's any more.
    package func pause(after count: Int) async throws {
        let longest = Nanoseconds(2_000_000) << Nanoseconds(min(count, 8))
        await engine.timers.sleep(for: Nanoseconds(engine.runtime.random.next() % UInt64(longest)))
        try Task.checkCancellation()
        try await engine.assureLease(of: run)
    }
}

/// What a transaction with a run's write came to.
@available(Idempotency 0.1, *)
package enum TransactionEnd {
    case committed
    /// Nothing is changed: the run may begin another one.
    case undone(any Error)
    /// The run is over, and this is to be thrown.
    case over(any Error)
}
