@available(Idempotency 0.1, *)
extension Engine {
    /// Decides what a call may do: joins the key's flight, and leads it or waits for its leader.
    func acquire(_ call: Call) async throws -> Acquisition {
        guard !isShutDown else { throw IdempotencyError.shutDown }
        let enclosing = Run.current
        if enclosing != nil, isBeingRun(call.key, by: enclosing) { throw IdempotencyError.recursiveCall }
        if let run = flights.lead(call, enclosing: enclosing), let acquisition = try await lead(run, until: nil) {
            return acquisition
        }
        let deadline = runtime.time.now().addingClamped(call.policy.waitLimit.nanoseconds)
        while true {
            try Task.checkCancellation()
            let waiter = Waiter(call, enclosing: enclosing)
            switch flights.join(waiter) {
            case .leads(let run):
                if let acquisition = try await lead(run, until: deadline) { return acquisition }
            case .waits(let leader):
                if let acquisition = try await follow(waiter, leader, until: deadline) { return acquisition }
            case .busy(let leader):
                return .inProgress(remaining: leaseRemaining(of: leader))
            case .mismatched:
                report(.mismatched, call.key)
                throw IdempotencyError.fingerprintMismatch
            case .tooManyWaiters:
                throw IdempotencyError.tooManyWaiters
            }
            guard !isShutDown else { throw IdempotencyError.shutDown }
        }
    }

    /// Waits for the leader of a flight. `nil`: join the key again.
    private func follow(_ waiter: Waiter, _ leader: Run, until deadline: Nanoseconds) async throws -> Acquisition? {
        let call = waiter.call
        report(.waiting, call.key)
        // An impatient caller waits for the leader's claim only, which the store bounds in time.
        let timer = waiter.isPatient ? timers.schedule(at: deadline) { waiter.signal.fire(.deadline) } : nil
        let wake = await withTaskCancellationHandler {
            await waiter.signal.value()
        } onCancel: {
            waiter.signal.fire(.cancelled)
        }
        if let timer { timers.cancel(timer) }
        switch wake {
        case .lead(let run):
            return try await lead(run, until: deadline)
        case .observed(let stored):
            return try settle(call, stored, afterWaitingFor: stored.record.claimant)
        case .unavailable(let error):
            return try withoutStore(call, nil, error)
        case .busy, .deadline:
            flights.leave(waiter)
            return .inProgress(remaining: leaseRemaining(of: leader))
        case .mismatched:
            report(.mismatched, call.key)
            throw IdempotencyError.fingerprintMismatch
        case .cancelled:
            flights.leave(waiter)
            throw CancellationError()
        }
    }

    func leaseRemaining(of run: Run) -> Duration {
        .nanoseconds(max(0, run.withState { $0.leaseEnd } - runtime.time.now()))
    }

    /// What a stored record means to a call that cannot change it. `nil`: it has to be claimed, or waited for.
    func settle(
        _ call: Call, _ stored: StoredRecord, afterWaitingFor claimant: Claimant?
    ) throws -> Acquisition? {
        let record = stored.record
        switch RecordStateMachine.claim(stored, call.claim(by: record.claimant)) {
        case .run, .reconcile, .exhaust:
            // Who waited for this very run is told that it failed; who comes later runs again.
            if case .failed(.retryable(let reason)) = record.state, reason != .neverEntered, record.claimant == claimant {
                throw IdempotencyError.attemptFailed
            }
            return nil
        case .refused(.inProgress), .refused(.absent), .refused(.notTheClaimant):
            return nil
        case .refused(.fingerprintMismatch):
            report(.mismatched, call.key, attempt: record.attempt)
            throw IdempotencyError.fingerprintMismatch
        case .refused(.done(let value)):
            report(.replayed, call.key, attempt: record.attempt)
            return .replay(value)
        case .refused(.failed(let failure)):
            report(.replayed, call.key, attempt: record.attempt)
            return .failed(failure, attempt: record.attempt)
        case .refused(.unknown(let reason)):
            if reason == .attemptsExhausted {
                throw IdempotencyError.attemptsExhausted(record.attempt, isKnownWithoutEffect: false)
            }
            report(.unknown, call.key, attempt: record.attempt)
            return .unknown(UnknownOutcome(reason: reason, attempt: record.attempt, cause: nil))
        }
    }

    /// What a call does when the store does not answer its claim.
    func withoutStore(_ call: Call, _ run: Run?, _ error: any Error) throws -> Acquisition {
        if let error = error as? IdempotencyError, error.code == .corruptRecord || error.code == .unsupportedRecordVersion {
            // There is a record, and it may say that the handler ran: no policy opens that.
            throw error
        }
        switch call.policy.storeFailure {
        case .failOpen:
            report(.failedOpen, call.key, error: error)
            return .unprotected(run)
        case .failClosed:
            if let run { releaseLater(run) }
            if let error = error as? IdempotencyError { throw error }
            throw IdempotencyError.storeUnavailable(error)
        }
    }
}
