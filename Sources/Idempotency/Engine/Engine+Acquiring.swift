@available(Idempotency 0.1, *)
extension Engine {
    /// Decides what a call may do: joins the key's flight, and leads it or waits for its leader.
    ///
    /// - Parameter leading: The run with which the caller leads the key's flight already.
    func acquire(_ call: Call, leading: Run? = nil) async throws -> Acquisition {
        switch call.policy.mode {
        case .enforce: break
        case .observeOnly: return try await observe(call)
        case .off: return .unprotected(nil)
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
            return try judge(stored, call)
        case .unavailable(let error, let seen):
            return try withoutStore(call, nil, error, seen)
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
        case .observed(let found): stored = found
        case .unavailable(_, let seen): stored = seen
        case .lead, .busy, .mismatched, .deadline, .cancelled: break
        }
        events.report(.waited, key, stored, duration: .nanoseconds(runtime.time.now() - since))
    }

    func leaseRemaining(of run: Run) -> Duration {
        .nanoseconds(max(0, run.withState { $0.leaseEnd } - runtime.time.now()))
    }

    /// What the record that a leader left means to a caller that waited for it. `nil`: it has to be claimed or waited for.
    private func judge(_ stored: StoredRecord, _ call: Call) throws -> Acquisition? {
        let record = stored.record
        switch RecordStateMachine.claim(stored, call.claim(by: record.claimant)) {
        case .reconcile where record.state == .pending(unknown: .notReconciled):
            // The hook was asked a moment ago, and did not know.
            return try acquisition(refused: .unknown(.notReconciled), stored, call.key)
        case .run, .reconcile, .exhaust:
            try refuseIfAwaited(stored, record.claimant)
            return nil
        case .refused(.inProgress):
            return nil
        case .refused(let refusal):
            return try acquisition(refused: refusal, stored, call.key)
        }
    }

    /// Who waited for a run that failed is told so; who comes later runs again.
    func refuseIfAwaited(_ found: StoredRecord, _ awaited: Claimant?) throws {
        if case .failed(.retryable(let reason)) = found.record.state, reason != .neverEntered,
            found.record.claimant == awaited
        {
            throw IdempotencyError.attemptFailed
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

    /// What a call does when the store does not answer its claim, and had said before what was `seen`.
    ///
    /// - Parameter run: The run whose claim may have been made, if one may.
    func withoutStore(
        _ call: Call,
        _ run: Run?,
        _ error: any Error,
        _ seen: StoredRecord?
    ) throws -> Acquisition {
        // There is a record, and it may say that the handler ran: no policy opens that.
        if let error = error as? IdempotencyError, error.isAboutAnswer {
            if let run { releaseLater(run) }
            throw error
        }
        var mayOpen = true
        if let seen {
            // What could not have been claimed with the store cannot be run without it.
            mayOpen =
                if case .run = RecordStateMachine.claim(seen, call.claim(by: seen.record.claimant)) { true } else {
                    false
                }
        }
        switch call.policy.storeFailure {
        case .failOpen where mayOpen:
            events.report(.failedOpen, call.key, seen, error: error)
            if run != nil { background.begin() }
            return .unprotected(run)
        case .failOpen, .failClosed:
            if let run { releaseLater(run) }
            if let error = error as? IdempotencyError { throw error }
            throw IdempotencyError.storeUnavailable(error)
        }
    }
}
