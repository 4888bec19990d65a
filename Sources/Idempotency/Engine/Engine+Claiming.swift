@available(Idempotency 0.1, *)
extension Engine {
    /// Claims the key for the leader of its flight, and ends or hands over the flight if there is nothing to run.
    ///
    /// `nil`: the key has to be joined again.
    func lead(_ run: Run, until deadline: Nanoseconds?) async throws -> Acquisition? {
        var claiming = Claiming(run, deadline: deadline)
        defer { claiming.subscription?.cancel() }
        do {
            return try await claim(&claiming)
        } catch {
            // Whoever waits may fare better: it has a policy, a deadline and a payload of its own.
            flights.handOver(run)
            throw error
        }
    }

    /// A claim under way.
    private struct Claiming {
        let run: Run
        /// What is stored, as far as we know.
        var found: StoredRecord?
        /// Whose run we have waited for.
        var awaited: Claimant?
        var deadline: Nanoseconds?
        var subscription: (any StoreSubscription)?
        var races = 0
        var failures = 0

        init(_ run: Run, deadline: Nanoseconds?) {
            self.run = run
            self.deadline = deadline
        }
    }

    private func claim(_ claiming: inout Claiming) async throws -> Acquisition? {
        let run = claiming.run
        let call = run.call
        let asked = call.claim(by: run.claimant)
        while true {
            if Task.isCancelled { throw CancellationError() }
            guard !isShutDown else { throw IdempotencyError.shutDown }
            let decision = RecordStateMachine.claim(claiming.found, asked)
            if let found = claiming.found {
                if case .refused(.inProgress) = decision {
                    claiming.awaited = found.record.claimant
                    if let remaining = try await waitForChange(&claiming) {
                        flights.handOver(run)
                        return .inProgress(remaining: remaining)
                    }
                    continue
                }
                if let acquisition = try settle(call, found, afterWaitingFor: claiming.awaited) {
                    flights.resolve(run, .observed(found))
                    return acquisition
                }
            }
            do {
                if let acquisition = try await send(decision, &claiming) { return acquisition }
            } catch let error as StoreFailure {
                flights.resolve(run, .unavailable(error.underlying))
                return try withoutStore(call, run, error.underlying)
            }
        }
    }

    /// The store did not answer as often as a claim is tried.
    private struct StoreFailure: Error {
        let underlying: any Error
    }

    /// Writes a claim. `nil`: decide again from what was found.
    private func send(
        _ decision: RecordStateMachine.ClaimDecision, _ claiming: inout Claiming
    ) async throws -> Acquisition? {
        let run = claiming.run
        let record: IdempotencyRecord
        switch decision {
        case .run(let next), .reconcile(let next), .exhaust(let next): record = next
        case .refused: return nil
        }
        let sentAt = runtime.time.now()
        run.withState { $0.claimSent(at: sentAt) }
        do {
            switch try await store.checkAndSet(run.key, expecting: claiming.found?.version, .write(record)) {
            case .stored(let version):
                if let before = claiming.found?.version, version <= before { throw IdempotencyError.versionDidNotGrow }
                return try await claimed(record, version, sentAt, decision, &claiming)
            case .conflict(let found):
                claiming.races += 1
                guard claiming.races < 64 else { throw IdempotencyError.contention }
                claiming.found = found
            }
        } catch let error as IdempotencyError where error.code == .contention {
            throw error
        } catch {
            report(.storeFailed, run.key, error: error)
            claiming.failures += 1
            try Task.checkCancellation()
            guard claiming.failures < 3, Self.mayBeRepeated(error) else { throw StoreFailure(underlying: error) }
            // The write may have been made. An absent record proves nothing: then the claim is sent again.
            do {
                claiming.found = try await store.load(run.key)
            } catch {
                report(.storeFailed, run.key, error: error)
                throw StoreFailure(underlying: error)
            }
        }
        guard let found = claiming.found, found.record.claimant == run.claimant,
            found.record.state == .pending(unknown: nil)
        else { return nil }
        return try await adopt(found, decision, &claiming)
    }

    private static func mayBeRepeated(_ error: any Error) -> Bool {
        guard let error = error as? IdempotencyError else { return true }
        return error.code != .capacityExceeded && error.code != .corruptRecord && error.code != .unsupportedRecordVersion
            && error.code != .brokenStore
    }

    /// Our own claim, whose reply was lost. It counts once a further write upon it is acknowledged.
    private func adopt(
        _ found: StoredRecord, _ decision: RecordStateMachine.ClaimDecision, _ claiming: inout Claiming
    ) async throws -> Acquisition? {
        let run = claiming.run
        run.withState { $0.adopt(found) }
        switch await writer.write(.renew, of: run, .once) {
        case .written(let stored):
            return try await entered(stored, decision, &claiming)
        case .failed(let error):
            throw StoreFailure(underlying: error)
        case .lost, .ended, .refused:
            // Another has the key. This run is spent; join again with a fresh claimant.
            flights.handOver(run)
            throw IdempotencyError.contention
        }
    }

    private func claimed(
        _ record: IdempotencyRecord, _ version: RecordVersion, _ sentAt: Nanoseconds,
        _ decision: RecordStateMachine.ClaimDecision, _ claiming: inout Claiming
    ) async throws -> Acquisition? {
        let run = claiming.run
        let stored = StoredRecord(version: version, record: record, remainingNanoseconds: record.leaseNanoseconds)
        if case .exhaust = decision {
            run.withState { $0.end(stored) }
            let retention = record.isPending ? 0 : record.retentionNanoseconds
            flights.resolve(run, .observed(StoredRecord(version: version, record: record, remainingNanoseconds: retention)))
            throw IdempotencyError.attemptsExhausted(record.attempt, isKnownWithoutEffect: !record.isPending)
        }
        let (due, isFollowed) = run.withState { state in
            let renewUntil = sentAt.addingClamped(run.call.policy.maximumRunTime.nanoseconds)
            let isFollowed = state.wrote(record, as: version, sentAt: sentAt, renewUntil: renewUntil)
            return (state.renewalDue, isFollowed)
        }
        keeper.watch(dueAt: due)
        if isFollowed { flights.announceClaim(of: run, fingerprint: record.fingerprint) }
        return try await entered(stored, decision, &claiming)
    }

    /// The claim is ours. Last look around before the handler is entered.
    private func entered(
        _ stored: StoredRecord, _ decision: RecordStateMachine.ClaimDecision, _ claiming: inout Claiming
    ) async throws -> Acquisition? {
        let run = claiming.run
        if Task.isCancelled || isShutDown {
            await release(run)
            if isShutDown { throw IdempotencyError.shutDown }
            throw CancellationError()
        }
        if observer != nil {
            let isTakeOver = claiming.found?.record.isPending ?? false
            report(isTakeOver ? .takenOver : .claimed, run.key, attempt: stored.record.attempt)
        }
        // The reply may have taken longer than the lease. Then the claim stands only if the store says so.
        if runtime.time.now() >= run.withState({ $0.leaseEnd }) {
            switch await writer.write(.renew, of: run, .once) {
            case .written: break
            case .failed(let error): throw StoreFailure(underlying: error)
            case .lost, .ended, .refused: throw IdempotencyError.contention
            }
        }
        if case .reconcile = decision { return try await reconcile(run) }
        return .run(run)
    }

    /// Gives back a claim whose handler was not entered.
    func release(_ run: Run) async {
        let event = RecordStateMachine.Event.fail(
            .retryable(.neverEntered), retention: run.call.policy.retentionNanoseconds)
        if case .written = await writer.write(event, of: run, .twice) {
            report(.released, run.key)
        }
    }

    // MARK: Waiting for another interceptor's run

    /// Waits until the record found may have changed, and reads it. Returns what remains of its lease when the wait is
    /// over instead.
    private func waitForChange(_ claiming: inout Claiming) async throws -> Duration? {
        let run = claiming.run
        let policy = run.call.policy
        guard let known = claiming.found else { return nil }
        let deadline = claiming.deadline ?? runtime.time.now().addingClamped(policy.waitLimit.nanoseconds)
        if claiming.deadline == nil {
            claiming.deadline = deadline
            if policy.waitLimit > .zero { report(.waiting, run.key) }
        }
        guard runtime.time.now() < deadline else { return known.remaining }
        // What was found a moment ago need not be read again, unless changes are told only from now on.
        var remaining = known.remainingNanoseconds
        var isFresh = true
        while true {
            // In this order, so that a change between the reading and the waiting ends the waiting.
            let signal = OneShot<WaitEnd>()
            run.withState { $0.waitSignal = signal }
            if claiming.subscription == nil, let wakingStore {
                claiming.subscription = try? await wakingStore.subscribe(to: run.key) {
                    run.withState { $0.waitSignal }?.fire(.lookAgain)
                }
                isFresh = false
            }
            if !isFresh {
                do {
                    let seen = try await store.load(run.key)
                    guard let seen, seen.version == known.version, seen.remainingNanoseconds > 0 else {
                        claiming.found = seen
                        return nil
                    }
                    remaining = seen.remainingNanoseconds
                } catch {
                    report(.storeFailed, run.key, error: error)
                    guard runtime.time.now() < deadline else { throw IdempotencyError.storeUnavailable(error) }
                }
            }
            isFresh = false
            let now = runtime.time.now()
            guard now < deadline else { return .nanoseconds(remaining) }
            guard !isShutDown else { throw IdempotencyError.shutDown }
            // Not less than a tenth of a millisecond: two clocks may count the end of a lease a little differently.
            let look = now.addingClamped(min(policy.pollInterval.nanoseconds, max(remaining, 100_000)))
            let timer = timers.schedule(at: min(look, deadline)) { signal.fire(.lookAgain) }
            let end = await withTaskCancellationHandler {
                await signal.value()
            } onCancel: {
                signal.fire(.cancelled)
            }
            timers.cancel(timer)
            switch end {
            case .lookAgain: continue
            case .cancelled: throw CancellationError()
            case .shutDown: throw IdempotencyError.shutDown
            }
        }
    }
}
