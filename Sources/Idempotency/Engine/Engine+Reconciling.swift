@available(Idempotency 0.1, *)
extension Engine {
    /// Asks the policy's hook, under the claim at hand, what became of a run that nobody knows of.
    func reconcile(_ run: Run) async throws -> Acquisition? {
        let policy = run.call.policy
        guard case .reconcile(let hook) = policy.lapse else { return .run(run) }
        var answer: Reconciliation
        var cause: (any Error)?
        do {
            answer = try await Run.$current.withValue(run) { try await hook(IdempotentExecution(run, self)) }
            if case .failed(let failure) = answer {
                try KeyText.validate(type(of: failure).failureName, "The name of the failure \(type(of: failure))")
            }
        } catch {
            answer = .stillUnknown
            cause = error
        }
        let event: RecordStateMachine.Event
        switch answer {
        case .done(let value):
            event = .complete(keep(value, limit: policy.maximumResultSize), retention: policy.retentionNanoseconds)
        case .doneWithoutResult:
            event = .complete(.void, retention: policy.retentionNanoseconds)
        case .failed(let failure):
            event = .fail(stored(failure, limit: policy.maximumResultSize), retention: policy.retentionNanoseconds)
        case .runAgain:
            event = .restart(
                maximumAttempts: policy.maximumAttempts.map { UInt32(clamping: $0) },
                retention: policy.retentionNanoseconds
            )
        case .stillUnknown:
            event = .abandon(.notReconciled)
        }
        switch await writer.write(event, of: run, .untilLeaseEnds) {
        case .written:
            guard let stored = run.stored else { return nil }
            if case .runAgain = answer, stored.record.isPending {
                try await assureClaim(of: run)
                return .run(run)
            }
            flights.resolve(run)
            if case .stillUnknown = answer {
                events.report(.unknown, run.key, stored, error: cause)
                return .unknown(UnknownOutcome(reason: .notReconciled, attempt: stored.record.attempt, cause: cause))
            }
            switch RecordStateMachine.claim(stored, run.call.claim(by: run.claimant)) {
            case .refused(let refusal): return try acquisition(refused: refusal, stored, run.key)
            case .run, .reconcile, .exhaust: return nil
            }
        case .lost, .ended, .refused:
            throw IdempotencyError.leaseLost(of: run)
        case .failed(let error):
            throw IdempotencyError.findingNotSaved(error)
        }
    }

    /// Opens an existential: what is kept of a value of any type.
    private func keep<Value: Codable>(_ value: Value, limit: Int) -> StoredValue {
        ResultKeeping.keep(value, with: codec, limit: limit)
    }

    /// What is kept of a final failure.
    func stored<Failure: FinalFailure>(_ failure: Failure, limit: Int) -> StoredFailure {
        .final(
            name: Failure.failureName,
            value: ResultKeeping.keep(failure, with: codec, limit: limit)
        )
    }
}
