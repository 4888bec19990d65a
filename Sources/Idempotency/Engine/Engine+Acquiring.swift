@available(Idempotency 0.1, *)
extension Engine {
    /// Decides what a call may do: joins the key's flight, and leads it or waits for its leader.
    ///
    /// - Parameter leading: The run with which the caller leads the key's flight already.
    func acquire(_ call: Call, leading: Run? = nil) async throws -> Acquisition {
        switch call.policy.mode {
        case .enforce: break
        case .observeOnly: return try await observe(call)
        case .off: return .unprotected(nil, mayHoldClaim: false)
        }
        let deadline = runtime.time.now().addingClamped(call.policy.waitNanoseconds)
        if let leading, let acquisition = try await lead(leading, until: deadline) { return acquisition }
        while true {
            switch flights.join(call, enclosing: try enter(call.key)) {
            case .leads(let run):
                if let acquisition = try await lead(run, until: deadline) { return acquisition }
            case .waits(let waiter, let leader):
                if let acquisition = try await follow(waiter, leader, until: deadline) { return acquisition }
            case .busy(let leader):
                return .inProgress(remaining: leaseRemaining(of: leader))
            case .mismatched:
                events.report(.mismatched, call.key, .inProgress)
                throw IdempotencyError.fingerprintMismatch
            case .tooManyWaiters:
                throw refused(call.key, .inProgress, .tooManyWaiters)
            case .unavailable(let error):
                throw Self.unavailable(error)
            }
        }
    }

    /// Whether a call may ask for its key at all. Returns the run in whose handler it was made.
    func enter(_ key: IdempotencyKey) throws -> Run? {
        guard !isShutDown else { throw IdempotencyError.shutDown }
        if Task.isCancelled { throw CancellationError() }
        let enclosing = Run.current?.nearestInProgress
        if enclosing != nil, isBeingRun(key, by: enclosing) { throw IdempotencyError.recursiveCall }
        return enclosing
    }

    /// Waits for the leader of a flight. `nil`: join the key again.
    private func follow(_ waiter: Waiter, _ leader: Run, until deadline: Nanoseconds) async throws -> Acquisition? {
        let call = waiter.call
        let since = runtime.time.now()
        // An impatient caller waits for the leader's claim only, which the store bounds in time.
        let timer = waiter.isPatient ? timers.schedule(at: deadline) { waiter.signal.fire(.deadline) } : nil
        events.report(.waiting, call.key, .inProgress)
        let wake = await withTaskCancellationHandler {
            await waiter.signal.value()
        } onCancel: {
            waiter.signal.fire(.cancelled)
        }
        if let timer { timers.cancel(timer) }
        reportWaited(call.key, since, wake)
        switch wake {
        case .lead(let run):
            return try await lead(run, until: deadline)
        case .observed(let stored):
            return try judge(stored, call, hasFailed: false)
        case .attemptFailed(let stored):
            return try judge(stored, call, hasFailed: true)
        case .unavailable(let error, _):
            throw Self.unavailable(error)
        case .ranWithoutStore(.returned(let value)):
            events.report(.replayed, call.key, .done)
            return .replay(value)
        case .ranWithoutStore(.failed(let failure)):
            return .failed(failure, attempt: 1)
        case .busy, .deadline:
            flights.leave(waiter)
            return .inProgress(remaining: leaseRemaining(of: leader))
        case .mismatched:
            events.report(.mismatched, call.key, .inProgress)
            throw IdempotencyError.fingerprintMismatch
        case .cancelled:
            flights.leave(waiter)
            throw CancellationError()
        }
    }

    private func reportWaited(_ key: IdempotencyKey, _ since: Nanoseconds, _ wake: Waiter.Wake) {
        guard events.isObserved else { return }
        var stored: StoredRecord?
        switch wake {
        case .observed(let found), .attemptFailed(let found): stored = found
        case .unavailable(_, let seen): stored = seen
        case .ranWithoutStore, .lead, .busy, .mismatched, .deadline, .cancelled: break
        }
        events.report(.waited, key, stored, duration: .nanoseconds(runtime.time.now() - since))
    }

    func leaseRemaining(of run: Run) -> Duration {
        .nanoseconds(max(0, run.withState { $0.leaseEnd } - runtime.time.now()))
    }

    /// What the record that a leader left means to a caller that waited for it. `nil`: it has to be claimed or waited for.
    ///
    /// - Parameter hasFailed: Whether the attempt that the caller waited for has failed.
    private func judge(_ stored: StoredRecord, _ call: Call, hasFailed: Bool) throws -> Acquisition? {
        let record = stored.record
        switch RecordStateMachine.claim(stored, call.claim(by: record.claimant)) {
        case .reconcile where record.state == .pending(unknown: .notReconciled):
            // The hook was asked a moment ago, and did not know.
            return try acquisition(refused: .unknown(.notReconciled), stored, call.key)
        case .run, .reconcile, .exhaust:
            if hasFailed { throw IdempotencyError.attemptFailed }
            return nil
        case .refused(.inProgress):
            return nil
        case .refused(let refusal):
            return try acquisition(refused: refusal, stored, call.key)
        }
    }

    /// What a refused claim means to its caller.
    func acquisition(
        refused refusal: RecordStateMachine.Refusal,
        _ stored: StoredRecord,
        _ key: IdempotencyKey
    ) throws -> Acquisition {
        let attempt = stored.record.attempt
        switch refusal {
        case .done(let value):
            events.report(.replayed, key, stored)
            return .replay(value)
        case .failed(let failure):
            switch failure {
            case .final, .retryable: events.report(.replayed, key, stored)
            case .revoked: events.report(.refused, key, stored, error: IdempotencyError.revoked)
            case .attemptsExhausted:
                let error = IdempotencyError.attemptsExhausted(attempt, isKnownWithoutEffect: true)
                events.report(.refused, key, stored, error: error)
            }
            return .failed(failure, attempt: attempt)
        case .fingerprintMismatch:
            events.report(.mismatched, key, stored)
            throw IdempotencyError.fingerprintMismatch
        case .unknown(.attemptsExhausted):
            let error = IdempotencyError.attemptsExhausted(attempt, isKnownWithoutEffect: false)
            throw refused(key, .lapsed, error, attempt: attempt)
        case .unknown(let reason):
            events.report(.unknown, key, stored)
            return .unknown(UnknownOutcome(reason: reason, attempt: attempt, cause: nil))
        case .inProgress:
            return .inProgress(remaining: stored.remaining)
        case .absent, .notTheClaimant:
            // Not said of a claim.
            throw IdempotencyError.contention
        }
    }

    // MARK: Without the store

    /// The store does not answer the leader's claim: the leader runs without it, or another caller of its flight whose policy
    /// allows that, or nobody does. One run serves all of them.
    ///
    /// - Parameters:
    ///   - mayHoldClaim: Whether the claim may have been made.
    ///   - seen: What the store had answered before.
    func leadWithoutStore(
        _ run: Run,
        mayHoldClaim: Bool,
        _ error: any Error,
        _ seen: StoredRecord?
    ) throws -> Acquisition {
        flights.refuse(run, .unavailable(error, seen: seen)) { mayOpen($0, error, seen) }
        guard mayOpen(run.call, error, seen) else {
            // Before the flight ends, so that a shutdown sees one or the other.
            if mayHoldClaim { releaseLater(run) }
            flights.handOver(run)
            throw Self.unavailable(error)
        }
        events.report(.failedOpen, run.key, seen, error: error)
        run.withState { $0.opening = error }
        flights.announceClaim(of: run, fingerprint: run.call.fingerprint)
        return .unprotected(run, mayHoldClaim: mayHoldClaim)
    }

    /// Whether a call runs although the store does not answer.
    private func mayOpen(_ call: Call, _ error: any Error, _ seen: StoredRecord?) -> Bool {
        guard case .failOpen = call.policy.storeFailure else { return false }
        // The store answered with a record that cannot be read, which may say that the handler ran.
        if let error = error as? IdempotencyError, error.isAboutAnswer { return false }
        guard let seen else { return true }
        // The last record seen has to be one that could have been claimed.
        if case .run = RecordStateMachine.claim(seen, call.claim(by: seen.record.claimant)) { return true }
        return false
    }

    private static func unavailable(_ error: any Error) -> any Error {
        if let error = error as? IdempotencyError { error } else { IdempotencyError.storeUnavailable(error) }
    }
}
