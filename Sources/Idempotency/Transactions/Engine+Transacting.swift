@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    /// Runs a handler whose effects are committed together with its record, unless the key has a result already.
    ///
    /// - Parameters:
    ///   - ending: How the call ended, beside its value or error.
    ///   - transact: Runs the handler in transactions, finishes the run, and returns the handler's value. If it throws, nothing
    ///     has taken effect; what it throws is recorded, unless ``TransactionalRun/finish(in:)`` said that the run is over.
    ///   - unprotected: Runs the handler in a transaction of its own, without a record.
    package func transact<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding,
        transact: nonisolated(nonsending) (TransactionalRun<Kind>) async throws -> Kind.Value,
        unprotected: nonisolated(nonsending) (IdempotentExecution) async throws -> Kind.Value
    ) async throws -> Kind.Value {
        for failure in failures { try KeyText.validate(failure.failureName, "The name of the failure \(failure)") }
        let acquisition = try await engine.acquire(call(key, fingerprint))
        switch acquisition {
        case .run(let run) where policy.mode == .observeOnly:
            return try await engine.execute(kind, run, policy, failures, isDecidedAtOnce: false, unprotected)
        case .run(let run):
            do {
                return try await Run.$current.withValue(run) {
                    try await transact(TransactionalRun(run, engine, failures))
                }
            } catch let over as RunIsOver {
                throw over.error
            } catch {
                // Everything is undone but the steps that were committed before, and one of which that is not known.
                let hasSteps = run.withState { state in
                    state.isUncertain || !(state.stored?.record.checkpoints.isEmpty ?? true)
                }
                throw await engine.concludeFailure(run, hasSteps ? error : EffectDidNotHappen(error), [])
            }
        case .unprotected(let run, let mayHoldClaim):
            return try await engine.executeUnprotected(kind, run, mayHoldClaim, key, policy, failures, unprotected)
        case .replay, .failed, .inProgress, .unknown:
            return try engine.answer(kind, acquisition, key, failures, &ending)
        }
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    /// Claims a key for a run that is finished outside of this call. `nil`: without protection.
    ///
    /// - Throws: As ``transact(_:_:_:_:_:transact:unprotected:)``; what answers the call for which nothing is run is in
    ///   `answer`.
    package func begin<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ failures: [any FinalFailure.Type],
        answer: inout IdempotentOutcome<Kind.Value>?
    ) async throws -> TransactionalRun<Kind>? {
        for failure in failures { try KeyText.validate(failure.failureName, "The name of the failure \(failure)") }
        if policy.mode != .enforce { return nil }
        let acquisition = try await engine.acquire(call(key, fingerprint))
        if case .run(let run) = acquisition { return TransactionalRun(run, engine, failures) }
        var ending = CallEnding.ran
        do {
            answer = .replayed(try engine.answer(kind, acquisition, key, failures, &ending))
        } catch {
            answer = try ending.outcome(insteadOf: error)
        }
        return nil
    }
}

/// What a run throws that has ended already: its record is written, or is not its own.
@available(Idempotency 0.1, *)
package struct RunIsOver: Error {
    package let error: any Error

    package init(_ error: any Error) { self.error = error }
}
