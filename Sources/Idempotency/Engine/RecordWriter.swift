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
        case written(StoredRecord)
        /// The key is another's, or its record is gone. Nothing was changed.
        case lost
        /// The run had ended before.
        case ended
        case refused(RecordStateMachine.Refusal)
        /// Nobody knows whether the write was made. The claim is left as it is.
        case failed(any Error)
    }

    private let store: any IdempotencyStore
    private let runtime: IdempotencyRuntime
    private let timers: Timers
    private let observer: (any IdempotencyObserver)?

    init(
        store: any IdempotencyStore,
        runtime: IdempotencyRuntime,
        timers: Timers,
        observer: (any IdempotencyObserver)?
    ) {
        self.store = store
        self.runtime = runtime
        self.timers = timers
        self.observer = observer
    }

    /// Makes a run's next write, whatever happens to the task that asks for it.
    func write(_ event: RecordStateMachine.Event, of run: Run, _ persistence: Persistence) async -> Outcome {
        var turn = run.askForTurn()
        if let wait = turn.wait {
            await wait.value()
            turn = run.withState { $0.turn }
        }
        defer { run.endWriting() }
        var answer: StoreAnswer?
        if !Task.isCancelled {
            // Nearly always this one call is all.
            if turn.phase == .held, !turn.isUncertain, let current = turn.stored {
                switch Self.apply(event, of: run, to: current) {
                case .failure(let refused):
                    return .refused(refused.refusal)
                case .success(let record):
                    // Only a renewed lease is counted from here.
                    let sentAt = record.leaseNanoseconds > 0 ? runtime.time.now() : 0
                    do {
                        let reply = try await store.checkAndSet(run.key, expecting: current.version, .write(record))
                        if case .stored(let version) = reply, version > current.version {
                            return .written(note(record, version, of: run, sentAt: sentAt))
                        }
                        answer = .reply(reply)
                    } catch {
                        answer = .failure(error)
                    }
                }
            }
            if let outcome = await push(event, of: run, turn, after: answer, persistence, stopsWhenCancelled: true) {
                return outcome
            }
            answer = nil
        }
        // A store may give up when its caller is cancelled. This write must not, so it goes on in a task that is not.
        return await Task(executorPreference: runtime.executor) {
            let turn = run.withState { $0.turn }
            return await self.push(event, of: run, turn, after: nil, persistence, stopsWhenCancelled: false) ?? .ended
        }.value
    }

    /// Renews a run's lease.
    func renew(_ run: Run) async {
        switch await write(.renew, of: run, .once) {
        case .written(let stored):
            observer?.observe(IdempotencyEvent(.renewed, run.key.scope, attempt: stored.record.attempt))
        case .failed(let error):
            observer?.observe(IdempotencyEvent(.notRenewed, run.key.scope, error: error))
        case .lost, .ended, .refused:
            break
        }
    }

    /// Tries to make a write. `nil`: the task was cancelled, and nobody knows whether the write was made.
    ///
    /// - Parameter first: What became of the first call, if it was made already.
    private func push(
        _ event: RecordStateMachine.Event,
        of run: Run,
        _ turn: RunState.Turn,
        after first: StoreAnswer?,
        _ persistence: Persistence,
        stopsWhenCancelled: Bool
    ) async -> Outcome? {
        guard turn.phase == .held, var current = turn.stored else { return turn.phase == .lost ? .lost : .ended }
        var answer = first
        var mustRead = turn.isUncertain
        var failures = 0
        var races = 0
        while true {
            do {
                let found: StoredRecord?
                if mustRead {
                    found = try await store.load(run.key)
                } else {
                    let record: IdempotencyRecord
                    switch Self.apply(event, of: run, to: current) {
                    case .success(let next): record = next
                    case .failure(let refused): return .refused(refused.refusal)
                    }
                    let sentAt = runtime.time.now()
                    let reply: CheckAndSetResult
                    switch answer {
                    case .reply(let known)?: reply = known
                    case .failure(let error)?: throw error
                    case nil: reply = try await store.checkAndSet(run.key, expecting: current.version, .write(record))
                    }
                    answer = nil
                    switch reply {
                    case .stored(let version):
                        guard version > current.version else { throw IdempotencyError.versionDidNotGrow }
                        return .written(note(record, version, of: run, sentAt: sentAt))
                    case .conflict(let conflicting):
                        found = conflicting
                    }
                }
                // What came back is not what was expected: a lost reply of ours, or another's write.
                guard let found, found.record.claimant == run.claimant else {
                    run.withState { $0.lose() }
                    return .lost
                }
                guard found.record.isPending else { return try await confirm(found, of: run) }
                races += 1
                guard races < 16 else { throw IdempotencyError.contention }
                guard mustRead || found.version > current.version else { throw IdempotencyError.versionDidNotGrow }
                let now = runtime.time.now()
                run.withState { $0.adopt(found, at: now) }
                current = found
                mustRead = false
            } catch {
                answer = nil
                failures += 1
                mustRead = true
                run.withState { $0.replyLost() }
                observer?.observe(IdempotencyEvent(.storeFailed, run.key.scope, error: error))
                if stopsWhenCancelled, Task.isCancelled { return nil }
                guard await pause(after: failures, run, persistence) else { return .failed(error) }
            }
        }
    }

    /// Our own last write, whose reply was lost. Seen is not yet durable: it counts once a write upon it is acknowledged.
    private func confirm(_ found: StoredRecord, of run: Run) async throws -> Outcome {
        switch try await store.checkAndSet(run.key, expecting: found.version, .write(found.record)) {
        case .stored(let version):
            return .written(note(found.record, version, of: run, sentAt: 0))
        case .conflict:
            run.withState { $0.lose() }
            return .lost
        }
    }

    private func note(
        _ record: IdempotencyRecord,
        _ version: RecordVersion,
        of run: Run,
        sentAt: Nanoseconds
    ) -> StoredRecord {
        let isHeld = record.isPending && record.leaseNanoseconds > 0
        let remaining = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
        let stored = StoredRecord(version: version, record: record, remainingNanoseconds: remaining)
        run.withState { state in
            guard isHeld else { return state.end(stored) }
            let renewUntil = state.startedAt.addingClamped(run.call.policy.maximumRunNanoseconds)
            state.wrote(stored, sentAt: sentAt, renewUntil: renewUntil)
        }
        return stored
    }

    private static func apply(
        _ event: RecordStateMachine.Event,
        of run: Run,
        to current: StoredRecord
    ) -> Result<IdempotencyRecord, RecordStateMachine.EventRefused> {
        RecordStateMachine.apply(
            withoutRepetition(event, current),
            by: run.claimant,
            to: current,
            lease: run.call.policy.leaseNanoseconds
        )
    }

    /// A checkpoint or a restart that is there already was written by a call whose reply was lost: then only the lease is
    /// renewed.
    private static func withoutRepetition(
        _ event: RecordStateMachine.Event,
        _ current: StoredRecord
    ) -> RecordStateMachine.Event {
        // A record whose hook is being asked says what is not known; a restarted one does not.
        if case .restart = event, current.record.state == .pending(unknown: nil) { return .renew }
        if case .checkpoint(let checkpoint) = event,
            current.record.checkpoints.contains(where: { UTF8Text.areEqual($0.name, checkpoint.name) })
        {
            return .renew
        }
        return event
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
