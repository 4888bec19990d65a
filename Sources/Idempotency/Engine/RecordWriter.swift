/// Writes what a run does to its own record: one write at a time, on the version that the run holds.
///
/// After a lost reply it reads again, and applies the event to the record that came back; it never sends old bytes twice.
@available(Idempotency 0.1, *)
final class RecordWriter: Sendable {
    /// How long a write is tried.
    enum Persistence {
        /// One call: a renewal has another chance soon.
        case once
        /// Two calls: for what the end of the lease would mend as well.
        case twice
        /// For as long as the lease holds: the effect has happened, and its record must not be given up.
        case untilLeaseEnds
    }

    enum Outcome {
        /// Acknowledged; the run knows what is stored now.
        case written
        /// The key is another's, or its record is gone. Nothing was changed.
        case lost
        /// The run had ended before.
        case ended
        case refused(RecordStateMachine.Refusal)
        /// Nobody knows whether the write was made. The claim is left as it is.
        case failed(any Error)
    }

    private let store: CheckedStore
    private let runtime: IdempotencyRuntime
    private let timers: Timers
    private let events: EventReporter

    init(
        store: CheckedStore,
        runtime: IdempotencyRuntime,
        timers: Timers,
        events: EventReporter
    ) {
        self.store = store
        self.runtime = runtime
        self.timers = timers
        self.events = events
    }

    /// Makes a run's next write, whatever happens to the task that asks for it.
    func write(_ event: RecordStateMachine.Event, of run: Run, _ persistence: Persistence) async -> Outcome {
        await run.takeTurn()?.value()
        let outcome = await writeInTurn(event, of: run, persistence)
        // Before a renewal that stands in line has its turn.
        if case .failed = outcome, event.isLast { run.withState { $0.leave() } }
        run.endTurn()
        return outcome
    }

    /// Has a transaction of the store's make a run's next write together with other changes. Ends the run's turn, which has to
    /// be taken.
    ///
    /// - Parameters:
    ///   - isLast: Whether the run writes nothing after it.
    ///   - transaction: Prepares the write, makes it and commits, or undoes everything.
    func writeInTurn(of run: Run, isLast: Bool, in transaction: () async -> TransactionResult) async
        -> TransactionResult
    {
        let sentAt = runtime.time.now()
        var result = await findCertainty(of: run)
        if result == nil { result = await transaction() }
        if case .committed(let write, let version) = result, version <= write.expected {
            result = .unknown(IdempotencyError.versionDidNotGrow)
        }
        switch result! {
        case .committed(let write, let version):
            run.wrote(write.record, version, sentAt: sentAt)
        case .lost:
            run.withState { $0.lose() }
        case .undone:
            break
        case .unknown(let error):
            events.report(error, of: run.key)
            run.withState { state in
                state.replyLost()
                // Before a renewal that stands in line has its turn.
                if isLast { state.leave() }
            }
        }
        run.endTurn()
        return result!
    }

    /// As whoever has the turn: asks the store what became of a write whose reply was lost, if there is one.
    func lookIfUncertain(_ run: Run) async {
        if run.withState({ $0.isUncertain }) { _ = await findCertainty(of: run) }
    }

    /// Makes sure that the run knows what is stored, as after a renewal whose reply was lost. `nil`: it does.
    private func findCertainty(of run: Run) async -> TransactionResult? {
        var failures = 0
        while true {
            switch run.turn(for: .renew) {
            case .write: return nil
            case .lost, .ended, .refused: return .lost
            case .read: break
            }
            do {
                let found = try await store.load(run.key, notBefore: run.stored?.version)
                guard let found, found.record.claimant == run.claimant, found.record.isPending else { return .lost }
                let now = runtime.time.now()
                run.withState { $0.adopt(found, at: now) }
            } catch {
                failures += 1
                events.report(error, of: run.key)
                guard failures < 2 else { return .undone(error) }
            }
        }
    }

    private func writeInTurn(
        _ event: RecordStateMachine.Event,
        of run: Run,
        _ persistence: Persistence
    ) async -> Outcome {
        if !Task.isCancelled, let outcome = await push(event, of: run, persistence, stopsWhenCancelled: true) {
            return outcome
        }
        // A store may give up when its caller is cancelled. This write must not, so it goes on in a task that is not.
        return await Task(executorPreference: runtime.executor) {
            await self.push(event, of: run, persistence, stopsWhenCancelled: false) ?? .ended
        }.value
    }

    /// Renews a run's lease.
    func renew(_ run: Run) async {
        let outcome = await write(.renew, of: run, .once)
        // Before the event: an observer may move the clock on to the next renewal at once.
        run.withState { $0.renewalEnded() }
        switch outcome {
        case .written:
            events.report(.renewed, run.key, run.stored)
        case .failed(let error):
            events.report(.notRenewed, run.key, .inProgress, attempt: run.attempt, error: error)
        case .lost, .ended, .refused:
            break
        }
    }

    /// Tries to make a write. `nil`: the task was cancelled, and nobody knows whether the write was made.
    private func push(
        _ event: RecordStateMachine.Event,
        of run: Run,
        _ persistence: Persistence,
        stopsWhenCancelled: Bool
    ) async -> Outcome? {
        var failures = 0
        var races = 0
        while true {
            do {
                let found: StoredRecord?
                var isRace = false
                switch run.turn(for: event) {
                case .lost: return .lost
                case .ended: return .ended
                case .refused(let refusal): return .refused(refusal)
                case .read:
                    found = try await store.load(run.key, notBefore: run.stored?.version)
                case .write(let record, let expected):
                    let sentAt = runtime.time.now()
                    switch try await store.checkAndSet(run.key, expecting: expected, .write(record)) {
                    case .stored(let version):
                        run.wrote(record, version, sentAt: sentAt)
                        return .written
                    case .conflict(let conflicting):
                        found = conflicting
                        isRace = true
                    }
                }
                // What came back is not what was expected: a lost reply of ours, or another's write.
                guard let found, found.record.claimant == run.claimant else {
                    run.withState { $0.lose() }
                    return .lost
                }
                guard found.record.isPending else { return try await confirm(found, of: run) }
                let now = runtime.time.now()
                run.withState { $0.adopt(found, at: now) }
                // A read after a write that the store refused or did not answer is no race: only a moved version is.
                if isRace {
                    races += 1
                    guard races < 16 else { throw IdempotencyError.writeRefusedAgain }
                }
            } catch {
                failures += 1
                run.withState { $0.replyLost() }
                events.report(error, of: run.key)
                // A newer release has written: the record is not this one's any more.
                if let error = error as? IdempotencyError, error.code == .unsupportedRecordVersion {
                    run.withState { $0.giveUpRenewing() }
                    return .failed(error)
                }
                if stopsWhenCancelled, Task.isCancelled { return nil }
                guard await pause(after: failures, run, persistence) else { return .failed(error) }
            }
        }
    }

    /// Our own last write, whose reply was lost. Seen is not yet durable: it counts once a write upon it is acknowledged.
    private func confirm(_ found: StoredRecord, of run: Run) async throws -> Outcome {
        switch try await store.checkAndSet(run.key, expecting: found.version, .write(found.record)) {
        case .stored(let version):
            run.wrote(found.record, version, sentAt: 0)
            return .written
        case .conflict:
            run.withState { $0.lose() }
            return .lost
        }
    }

    /// Waits before the next call. `false`: there is none.
    private func pause(after failures: Int, _ run: Run, _ persistence: Persistence) async -> Bool {
        switch persistence {
        case .once:
            let nextTry = runtime.time.now().addingClamped(max(1, run.call.policy.leaseNanoseconds / 6))
            run.withState { $0.renewalFailed(nextTry: nextTry) }
            return false
        case .twice:
            return failures < 2
        case .untilLeaseEnds:
            // The first repetition is free: most lost replies are a connection that was closed while idle.
            if failures == 1 { return true }
            let left = run.withState { $0.leaseEnd } - runtime.time.now()
            guard left > 0 else { return false }
            await timers.sleep(for: min(left, Nanoseconds(10_000_000) << Nanoseconds(min(failures - 2, 7))))
            return true
        }
    }
}
