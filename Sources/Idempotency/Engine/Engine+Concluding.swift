@available(Idempotency 0.1, *)
extension Engine {
    /// Records what the handler returned. Only then do the caller and its duplicates have it.
    func conclude(_ run: Run, _ value: StoredValue) async throws {
        let policy = run.call.policy
        let isObserving = policy.mode == .observeOnly
        let event = RecordStateMachine.Event.complete(value, retention: policy.retentionNanoseconds)
        let outcome = await writer.write(event, of: run, isObserving ? .once : .untilLeaseEnds)
        switch outcome {
        case .written:
            flights.resolve(run)
            reportCompleted(run)
        case .lost, .ended, .refused:
            run.withState { $0.leave() }
            flights.handOver(run)
            events.report(.leaseLost, run.key, nil, attempt: run.attempt, duration: elapsed(run))
            if !isObserving { throw IdempotencyError.leaseLost(AttachedResult(value: value, codec: codec), of: run) }
        case .failed(let error):
            // Never released: the effect has happened. Whoever leads next finds a claim that still holds, and waits.
            run.withState { $0.leave() }
            flights.handOver(run)
            reportUnsaved(run, error)
            if !isObserving {
                throw IdempotencyError.resultNotSaved(AttachedResult(value: value, codec: codec), of: run, cause: error)
            }
        }
    }

    func reportCompleted(_ run: Run) {
        guard events.isObserved else { return }
        events.report(.completed, run.key, .done, attempt: run.attempt, duration: elapsed(run))
    }

    /// Records that the handler threw. Returns what the caller is to be thrown.
    func concludeFailure(_ run: Run, _ error: any Error, _ failures: [any FinalFailure.Type]) async -> any Error {
        let lapsePolicy = run.withState { $0.stored?.record.lapsePolicy } ?? run.call.policy.lapse.recorded
        let (event, thrown) = classify(error, lapsePolicy, run.call.policy, failures)
        if let error = error as? IdempotencyError, error.code == .resultNotSaved, error.claimant == run.claimant {
            // A step's effect happened and could not be recorded: as for a result, nothing is released.
            run.withState { $0.leave() }
            flights.handOver(run)
            reportUnsaved(run, error)
            return thrown
        }
        let isFinal = if case .fail(.final, _) = event { true } else { false }
        let isObserving = run.call.policy.mode == .observeOnly
        switch await writer.write(event, of: run, isFinal && !isObserving ? .untilLeaseEnds : .twice) {
        case .written:
            flights.resolve(run)
            let stored = run.stored
            let kind: IdempotencyEvent.Kind = stored?.record.isPending ?? false ? .unknown : .failed
            events.report(kind, run.key, stored, duration: elapsed(run), error: thrown)
            return thrown
        case .lost, .ended, .refused:
            run.withState { $0.leave() }
            flights.handOver(run)
            events.report(.leaseLost, run.key, nil, attempt: run.attempt, duration: elapsed(run), error: thrown)
            return thrown
        case .failed(let cause):
            run.withState { $0.leave() }
            // Before the flight ends, so that a shutdown sees one or the other.
            let isGivenUp = isFinal && !isObserving
            if !isGivenUp { writeLater(run, event) }
            flights.handOver(run)
            reportUnsaved(run, cause)
            return isGivenUp ? IdempotencyError.resultNotSaved(of: run, cause: thrown) : thrown
        }
    }

    /// Reports the end of a run whose record was committed in a transaction.
    func reportEnd(of run: Run, _ record: IdempotencyRecord) {
        guard events.isObserved else { return }
        let isDone = if case .done = record.state { true } else { false }
        let state = isDone ? RecordState.done : .failed
        events.report(isDone ? .completed : .failed, run.key, state, attempt: run.attempt, duration: elapsed(run))
    }

    /// Leaves a run that ends without a record of its own, for whoever comes next.
    func abandonFlight(of run: Run, _ kind: IdempotencyEvent.Kind, _ error: (any Error)?) {
        run.withState { $0.leave() }
        flights.handOver(run)
        let state: RecordState? = kind == .leaseLost ? nil : .inProgress
        events.report(kind, run.key, state, attempt: run.attempt, duration: elapsed(run), error: error)
    }

    /// What an error makes of the record, and what the caller is thrown.
    func classify(
        _ error: any Error,
        _ lapsePolicy: LapsePolicy,
        _ policy: OperationPolicy,
        _ failures: [any FinalFailure.Type]
    ) -> (RecordStateMachine.Event, thrown: any Error) {
        let retention = policy.retentionNanoseconds
        if let final = error as? any FinalFailure, failures.contains(where: { $0 == type(of: final) }) {
            return (.fail(stored(final, limit: policy.maximumResultSize), retention: retention), error)
        }
        if let declared = error as? EffectDidNotHappen {
            return (.fail(.retryable(.didNotHappen), retention: retention), declared.underlying)
        }
        switch lapsePolicy {
        case .rerun: return (.fail(.retryable(.threw), retention: retention), error)
        case .reconcile, .refuse: return (.abandon(.handlerThrew), error)
        }
    }

    /// The claim still stands; nobody can say more.
    private func reportUnsaved(_ run: Run, _ error: any Error) {
        events.report(.unsaved, run.key, .inProgress, attempt: run.attempt, duration: elapsed(run), error: error)
    }

    private func elapsed(_ run: Run) -> Duration {
        .nanoseconds(runtime.time.now() - run.withState { $0.startedAt })
    }

    // MARK: After the caller was answered

    /// Gives back a claim that may have been made although the store did not answer.
    func releaseLater(_ run: Run) {
        writeLater(run, .fail(.retryable(.neverEntered), retention: run.call.policy.retentionNanoseconds))
    }

    /// Tries, for as long as a lease may hold, to make a write that could not be made while the caller waited.
    func writeLater(_ run: Run, _ event: RecordStateMachine.Event) {
        let end = runtime.time.now().addingClamped(run.call.policy.leaseNanoseconds)
        lateWriter.write(run, event, until: end, by: self)
    }

    func writeLate(_ run: Run, _ event: RecordStateMachine.Event) async -> LateWriter.Attempt {
        do {
            let seen = run.withState { $0.stored?.version ?? $0.claimExpected }
            let found = try await store.load(run.key, notBefore: seen)
            // What the claim was to be written over proves nothing, be it a record or its absence: it may still land.
            if found?.version == run.withState({ $0.claimExpected }) { return .mayLand }
            guard let found, found.record.claimant == run.claimant, found.record.isPending else { return .done }
            let now = runtime.time.now()
            run.withState { $0.adopt(found, at: now) }
        } catch {
            events.report(error, of: run.key)
            // It has answered, with what cannot be read or believed, and will again.
            if let error = error as? IdempotencyError, error.isAboutAnswer { return .done }
            return .unanswered
        }
        switch await writer.write(event, of: run, .once) {
        case .written:
            if case .fail(.retryable(.neverEntered), _) = event { events.report(.released, run.key, run.stored) }
            return .done
        case .lost, .ended, .refused: return .done
        case .failed(let error as IdempotencyError) where error.isAboutAnswer: return .done
        case .failed: return .unanswered
        }
    }
}
