@available(Idempotency 0.1, *)
extension Engine {
    func status(of key: IdempotencyKey) async throws -> IdempotencyStatus {
        let leader = flights.leader(of: key)
        do {
            if let status = status(try await store.load(key), flights.leader(of: key)) { return status }
            // A claim that was under way may have been made and finished since.
            if leader != nil, let status = status(try await store.load(key), flights.leader(of: key)) { return status }
            return .absent
        } catch {
            events.report(error, of: key)
            throw error
        }
    }

    private func status(_ stored: StoredRecord?, _ leader: Run?) -> IdempotencyStatus? {
        guard let stored else {
            guard let leader else { return nil }
            return .inProgress(attempt: 1, leaseRemaining: leaseRemaining(of: leader))
        }
        let attempt = stored.record.attempt
        switch stored.record.state {
        case .done:
            return .done(attempt: attempt, retentionRemaining: stored.remaining)
        case .failed(.retryable):
            return .retryable(attempt: attempt)
        case .failed(.revoked):
            return .revoked(retentionRemaining: stored.remaining)
        case .failed:
            return .failed(attempt: attempt, retentionRemaining: stored.remaining)
        case .pending where stored.remainingNanoseconds > 0:
            return .inProgress(attempt: attempt, leaseRemaining: stored.remaining)
        case .pending(let reason):
            return .lapsed(attempt: attempt, reason ?? .lapsed, stored.record.lapsePolicy)
        }
    }

    func revoke(_ key: IdempotencyKey, _ policy: OperationPolicy) async throws -> IdempotencyStatus {
        let call = Call(key: key, fingerprint: nil, policy: policy)
        let claimant = flights.makeLooseRun(call, enclosing: nil).claimant
        var found: StoredRecord?
        var seen: RecordVersion?
        var failures = 0
        for _ in 0..<64 {
            do {
                let record: IdempotencyRecord
                switch RecordStateMachine.revoke(
                    found,
                    of: key.digest,
                    by: claimant,
                    retention: policy.retentionNanoseconds
                ) {
                case .success(let next):
                    record = next
                case .failure:
                    guard let known = found else { return .absent }
                    // Our own revocation, whose reply was lost, counts once a write upon it is acknowledged.
                    guard known.record.claimant == claimant else { return status(known, nil) ?? .absent }
                    record = known.record
                }
                switch try await store.checkAndSet(key, expecting: found?.version, .write(record), after: seen) {
                case .stored:
                    events.report(.revoked, key, .failed)
                    return .revoked(retentionRemaining: policy.retention)
                case .conflict(let actual):
                    found = actual
                    seen = actual.map { max($0.version, seen ?? $0.version) } ?? seen
                }
            } catch {
                events.report(error, of: key)
                if let error = error as? IdempotencyError, error.isAboutAnswer { throw error }
                failures += 1
                guard failures < 3 else { throw IdempotencyError.storeUnavailable(error) }
                do {
                    found = try await store.load(key, notBefore: seen)
                } catch {
                    throw IdempotencyError.storeUnavailable(error)
                }
            }
        }
        throw IdempotencyError.contention
    }

    func shutDown(within limit: Duration) async -> Int {
        closeForNewClaims()
        lateWriter.stop()
        // Leaders that wait for another interceptor's run have nothing to finish.
        for run in flights.runs { run.withState { $0.waitSignal }?.fire(.shutDown) }
        let deadline = runtime.time.now().addingClamped(limit.nanoseconds)
        let flightsDone = OneShot<Void>()
        let backgroundDone = OneShot<Void>()
        let timer = timers.schedule(at: deadline) {
            flightsDone.fire(())
            backgroundDone.fire(())
        }
        flights.drain(flightsDone)
        await flightsDone.value()
        background.whenIdle(backgroundDone)
        await backgroundDone.value()
        timers.cancel(timer)
        keeper.stop()
        return flights.count + background.count
    }
}
