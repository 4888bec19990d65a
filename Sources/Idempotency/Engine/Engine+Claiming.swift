@available(Idempotency 0.1, *)
extension Engine {
    /// Claims the key for the leader of its flight, and ends or hands over the flight if there is nothing to run.
    ///
    /// `nil`: the key has to be joined again. A claim that the run holds already is not made again.
    func lead(_ run: Run, until deadline: Nanoseconds) async throws -> Acquisition? {
        var claiming = Claiming(run, deadline: deadline)
        defer {
            claiming.subscription?.cancel()
            endWait(&claiming)
        }
        do {
            return try await claim(&claiming)
        } catch is LostAfterAll {
            flights.handOver(run)
            return nil
        } catch let failure as StoreFailure {
            let mayHoldClaim = claiming.mayHaveLanded || run.withState { $0.phase } == .held
            return try leadWithoutStore(run, mayHoldClaim: mayHoldClaim, failure.underlying, claiming.found)
        } catch {
            if claiming.mayHaveLanded, run.withState({ $0.phase }) == .claiming { releaseLater(run) }
            // Whoever waits may fare better: it has a policy, a deadline and a payload of its own.
            flights.handOver(run)
            throw error
        }
    }

    /// A claim under way.
    struct Claiming {
        let run: Run
        /// What is stored, as far as we know.
        var found: StoredRecord? {
            didSet { if let found { seen = max(found.version, seen ?? found.version) } }
        }
        /// The greatest version that was found, also if nothing was afterwards.
        private(set) var seen: RecordVersion?
        let deadline: Nanoseconds
        var subscription: (any StoreSubscription)?
        var waitingSince: Nanoseconds?
        var races = 0
        var failures = 0
        /// Whether a claim may have been made although the store did not say so.
        var mayHaveLanded = false

        init(_ run: Run, deadline: Nanoseconds) {
            self.run = run
            self.deadline = deadline
        }
    }

    /// The store did not answer as often as a claim is tried.
    struct StoreFailure: Error {
        let underlying: any Error
    }

    /// The claim was ours, and is another's by now. This run is spent: the next one has a fresh claimant.
    struct LostAfterAll: Error {}

    private func claim(_ claiming: inout Claiming) async throws -> Acquisition? {
        let run = claiming.run
        if run.withState({ $0.phase }) == .held { return try await enterHandler(of: run, over: nil) }
        while true {
            if Task.isCancelled { throw CancellationError() }
            guard !isShutDown else { throw IdempotencyError.shutDown }
            let decision = RecordStateMachine.claim(claiming.found, run.call.claim(by: run.claimant))
            let record: IdempotencyRecord
            var asksHook = false
            switch decision {
            case .run(let next), .reconcile(let next), .exhaust(let next):
                endWait(&claiming)
                if case .reconcile = decision { asksHook = true }
                if let found = claiming.found, run.withState({ $0.awaited })?.hasFailed(by: found.record) ?? false {
                    // All of this flight waited with it: were they to lead one after the other, each could run, and fail.
                    flights.resolve(run, .attemptFailed(found))
                    throw IdempotencyError.attemptFailed
                }
                record = next
            case .refused(.inProgress):
                guard let remaining = try await waitForChange(&claiming) else { continue }
                flights.handOver(run)
                return .inProgress(remaining: remaining)
            case .refused(let refusal):
                endWait(&claiming)
                guard let found = claiming.found else { throw IdempotencyError.contention }
                // Whoever waits judges the same record by its own policy and payload.
                defer { flights.resolve(run, .observed(found)) }
                return try acquisition(refused: refusal, found, run.key)
            }
            let expected = claiming.found?.version
            run.withState { $0.claimExpected = expected }
            let sentAt = runtime.time.now()
            let seen: StoredRecord?
            switch await answer(to: record, expecting: expected, after: claiming.seen, of: run) {
            case .success(.stored(let version)):
                if case .exhaust = decision {
                    throw exhausted(run, StoredRecord(version: version, written: record))
                }
                hold(record, version, by: run, sentAt: sentAt)
                return try await enterHandler(of: run, over: claiming.found, asksHook: asksHook)
            case .success(.conflict(let found)):
                seen = found
            case .failure(let error):
                seen = try await lookAfterFailure(error, &claiming)
            }
            if let seen, isClaim(seen.record, of: run) {
                try await adopt(seen, run)
                return try await enterHandler(of: run, over: claiming.found, asksHook: asksHook)
            }
            claiming.found = seen
            claiming.races += 1
            guard claiming.races < 64 else { throw IdempotencyError.contention }
        }
    }

    /// Reports that the wait for another interceptor's run is over, if there was one.
    private func endWait(_ claiming: inout Claiming) {
        guard let since = claiming.waitingSince else { return }
        claiming.waitingSince = nil
        let duration = Duration.nanoseconds(runtime.time.now() - since)
        events.report(.waited, claiming.run.key, claiming.found, duration: duration)
    }

    private func answer(
        to record: IdempotencyRecord,
        expecting expected: RecordVersion?,
        after seen: RecordVersion?,
        of run: Run
    ) async -> Result<CheckAndSetResult, any Error> {
        do {
            return .success(try await store.checkAndSet(run.key, expecting: expected, .write(record), after: seen))
        } catch {
            return .failure(error)
        }
    }

    /// Tells the run, the keeper and whoever waits that the claim is made.
    func hold(_ claim: IdempotencyRecord, _ version: RecordVersion, by run: Run, sentAt: Nanoseconds) {
        let renewUntil = sentAt.addingClamped(run.call.policy.maximumRunNanoseconds)
        let (due, isFollowed) = run.withState { state in
            let claim = StoredRecord(version: version, written: claim)
            let isFollowed = state.claimed(claim, sentAt: sentAt, renewUntil: renewUntil)
            return (state.renewalDue, isFollowed)
        }
        keeper.watch(dueAt: due)
        if isFollowed { flights.announceClaim(of: run, fingerprint: claim.fingerprint) }
    }

    func reportClaim(of run: Run, over before: StoredRecord?) {
        guard events.isObserved else { return }
        let isTakeOver = before?.record.isPending ?? false
        events.report(isTakeOver ? .takenOver : .claimed, run.key, run.stored)
    }

    /// The attempts were used up: that is written down now, for everybody.
    private func exhausted(_ run: Run, _ stored: StoredRecord) -> IdempotencyError {
        run.withState { $0.end() }
        flights.resolve(run, .observed(stored))
        let attempt = stored.record.attempt
        let error = IdempotencyError.attemptsExhausted(attempt, isKnownWithoutEffect: !stored.record.isPending)
        return refused(run.key, stored.record.isPending ? .lapsed : .failed, error, attempt: attempt)
    }

    // MARK: Lost replies

    /// The write may have been made: looks what is there. An absent record proves nothing, and the claim is sent again.
    private func lookAfterFailure(_ error: any Error, _ claiming: inout Claiming) async throws -> StoredRecord? {
        let key = claiming.run.key
        events.report(error, of: key)
        claiming.failures += 1
        if !Self.provesNothingWritten(error) { claiming.mayHaveLanded = true }
        if Task.isCancelled { throw CancellationError() }
        guard claiming.failures < 3, Self.mayBeRepeated(error) else { throw StoreFailure(underlying: error) }
        do {
            return try await store.load(key, notBefore: claiming.seen)
        } catch {
            events.report(error, of: key)
            throw StoreFailure(underlying: error)
        }
    }

    static func provesNothingWritten(_ error: any Error) -> Bool {
        guard let error = error as? IdempotencyError else { return false }
        // What cannot be read was there instead.
        return error.code == .capacityExceeded || error.code == .corruptRecord
            || error.code == .unsupportedRecordVersion
    }

    private static func mayBeRepeated(_ error: any Error) -> Bool {
        guard let error = error as? IdempotencyError else { return true }
        return !provesNothingWritten(error) && !error.isAboutAnswer
    }

    private func isClaim(_ record: IdempotencyRecord, of run: Run) -> Bool {
        record.claimant == run.claimant && record.isPending && record.state != .pending(unknown: .attemptsExhausted)
    }

    /// Our own claim, whose reply was lost. It counts once a further write upon it is acknowledged.
    private func adopt(_ found: StoredRecord, _ run: Run) async throws {
        let now = runtime.time.now()
        run.withState { $0.adopt(found, at: now) }
        switch await writer.write(.renew, of: run, .once) {
        case .written:
            keeper.watch(dueAt: run.withState { $0.renewalDue })
            flights.announceClaim(of: run, fingerprint: found.record.fingerprint)
        case .failed(let error): throw StoreFailure(underlying: error)
        case .lost, .ended, .refused: throw LostAfterAll()
        }
    }

    // MARK: Between the claim and the handler

    /// The claim is ours: runs the handler, if nothing has come in between.
    private func enterHandler(
        of run: Run,
        over before: StoredRecord?,
        asksHook: Bool = false
    ) async throws -> Acquisition? {
        if Task.isCancelled || isShutDown {
            await release(run)
            if isShutDown { throw IdempotencyError.shutDown }
            throw CancellationError()
        }
        try await assureClaim(of: run)
        reportClaim(of: run, over: before)
        if asksHook { return try await reconcile(run) }
        return .run(run)
    }

    /// Makes sure that a claim's lease holds now that its handler is entered.
    ///
    /// A reply may have taken longer than the lease. Then the claim stands only if the store says so, and says it in time.
    func assureClaim(of run: Run) async throws {
        for _ in 1...3 {
            if runtime.time.now() < run.withState({ $0.leaseEnd }) { return }
            switch await writer.write(.renew, of: run, .once) {
            case .written: break
            case .failed(let error): throw StoreFailure(underlying: error)
            case .lost, .ended, .refused: throw LostAfterAll()
            }
        }
        throw StoreFailure(underlying: IdempotencyError.slowerThanLease)
    }

    /// Gives back a claim whose handler was not entered.
    private func release(_ run: Run) async {
        let event = RecordStateMachine.Event.fail(
            .retryable(.neverEntered),
            retention: run.call.policy.retentionNanoseconds
        )
        switch await writer.write(event, of: run, .twice) {
        case .written: events.report(.released, run.key, run.stored)
        case .failed: releaseLater(run)
        case .lost, .ended, .refused: break
        }
    }
}
