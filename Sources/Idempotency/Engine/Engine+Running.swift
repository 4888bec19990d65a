@available(Idempotency 0.1, *)
extension Engine {
    /// Runs the handler in the caller's isolation if the key allows it; else answers with what is kept.
    ///
    /// Generic over as little as can be: whatever is decided about the key is decided without the handler's type. And with
    /// the parts of a ``Call`` instead of one: to make it counts references that all tasks share.
    func execute<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ policy: OperationPolicy,
        failures: [any FinalFailure.Type],
        ending: inout CallEnding,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Kind.Value
    ) async throws -> Kind.Value {
        for failure in failures { try KeyText.validate(failure.failureName, "The name of the failure \(failure)") }
        let isDecidedAtOnce = immediateStore != nil && policy.mode == .enforce
        let acquisition: Acquisition
        if isDecidedAtOnce {
            switch try acquireAtOnce(key, fingerprint, policy) {
            case .decided(let decided): acquisition = decided
            case .leads(let run): acquisition = try await acquire(run.call, leading: run)
            case .joins: acquisition = try await acquire(Call(key: key, fingerprint: fingerprint, policy: policy))
            }
        } else {
            acquisition = try await acquire(Call(key: key, fingerprint: fingerprint, policy: policy))
        }
        switch acquisition {
        case .run(let run):
            return try await execute(kind, run, policy, failures, isDecidedAtOnce: isDecidedAtOnce, handler)
        case .unprotected(let run, let mayHoldClaim):
            return try await executeUnprotected(kind, run, mayHoldClaim, key, policy, failures, handler)
        case .replay, .failed, .inProgress, .unknown:
            return try answer(kind, acquisition, key, failures, &ending)
        }
    }

    /// Runs the handler of a claim that is made.
    func execute<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ run: Run,
        _ policy: OperationPolicy,
        _ failures: [any FinalFailure.Type],
        isDecidedAtOnce: Bool,
        _ handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Kind.Value
    ) async throws -> Kind.Value {
        // What is only observed must not notice it.
        let isObserved = policy.mode == .observeOnly
        let execution = isObserved ? IdempotentExecution(unprotected: run.key) : IdempotentExecution(run, self)
        let value: Kind.Value
        do {
            value = try await Run.$current.withValue(run) { try await handler(execution) }
        } catch {
            throw await concludeFailure(run, error, failures)
        }
        let kept = kind.keep(value, by: self, limit: policy.maximumResultSize)
        if isDecidedAtOnce, concludeAtOnce(run, kept) {
            return value
        }
        try await conclude(run, kept)
        return value
    }

    /// Runs a handler whose duplicates are not kept out.
    func executeUnprotected<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ run: Run?,
        _ mayHoldClaim: Bool,
        _ key: IdempotencyKey,
        _ policy: OperationPolicy,
        _ failures: [any FinalFailure.Type],
        _ handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Kind.Value
    ) async throws -> Kind.Value {
        defer { run?.withState { $0.leave() } }
        do {
            let execution = IdempotentExecution(unprotected: key)
            guard let run else { return try await handler(execution) }
            let value = try await Run.$current.withValue(run) { try await handler(execution) }
            let kept = kind.keep(value, by: self, limit: policy.maximumResultSize)
            // Before the flight ends, so that a shutdown sees one or the other.
            if mayHoldClaim { writeLater(run, .complete(kept, retention: policy.retentionNanoseconds)) }
            flights.resolve(run, .ranWithoutStore(.returned(kept)))
            return value
        } catch {
            let (event, thrown) = classify(error, policy.lapse.recorded, policy, failures)
            if let run {
                if mayHoldClaim { writeLater(run, event) }
                let failure = if case .fail(let failure, _) = event { failure } else { StoredFailure.retryable(.threw) }
                flights.resolve(run, .ranWithoutStore(.failed(failure)))
            }
            throw thrown
        }
    }

    /// Answers a call for which nothing is run.
    func answer<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ acquisition: Acquisition,
        _ key: IdempotencyKey,
        _ failures: [any FinalFailure.Type],
        _ ending: inout CallEnding
    ) throws -> Kind.Value {
        switch acquisition {
        case .run, .unprotected:
            preconditionFailure("what is to be run has no answer yet")
        case .replay(let stored):
            ending = .replayed
            return try kind.restore(stored, by: self)
        case .failed(let failure, let attempt):
            throw rethrown(failure, attempt, failures)
        case .inProgress(let remaining):
            ending = .inProgress(remaining: remaining)
            throw refused(key, .inProgress, .inProgress(remaining: remaining))
        case .unknown(let outcome):
            ending = .unknown(outcome)
            throw IdempotencyError.unknown(outcome)
        }
    }

    /// Reports a refusal, and returns the error that the caller is thrown.
    func refused(
        _ key: IdempotencyKey,
        _ state: RecordState,
        _ error: IdempotencyError,
        attempt: Int = 0
    ) -> IdempotencyError {
        events.report(.refused, key, state, attempt: attempt, error: error)
        return error
    }

    /// Runs the handler in a task of its own, which goes on when the caller is cancelled.
    func executeInOwnTask<Kind: ResultKind>(
        _ kind: Kind.Type,
        _ call: Call,
        failures: [any FinalFailure.Type],
        ending: inout CallEnding,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Kind.Value
    ) async throws -> Kind.Value where Kind.Value: Sendable {
        let (value, itsEnding) = try await inOwnTask { () -> (Result<Kind.Value, any Error>, CallEnding) in
            var ending = CallEnding.ran
            do {
                let value = try await self.execute(
                    kind,
                    call.key,
                    call.fingerprint,
                    call.policy,
                    failures: failures,
                    ending: &ending,
                    handler: handler
                )
                return (.success(value), ending)
            } catch {
                return (.failure(error), ending)
            }
        }
        ending = itsEnding
        return try value.get()
    }

    /// Does something in a task that goes on when the caller is cancelled, which then no longer waits for it.
    func inOwnTask<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try Task.checkCancellation()
        let result = OneShot<Result<Value, any Error>>()
        _ = Task(executorPreference: runtime.handlerExecutor) {
            do {
                result.fire(.success(try await work()))
            } catch {
                result.fire(.failure(error))
            }
        }
        return try await withTaskCancellationHandler {
            await result.value()
        } onCancel: {
            result.fire(.failure(CancellationError()))
        }.get()
    }

    /// The error of a final failure that is kept, in its own type if it is declared.
    private func rethrown(
        _ failure: StoredFailure,
        _ attempt: Int,
        _ failures: [any FinalFailure.Type]
    ) -> any Error {
        switch failure {
        case .final(let name, let value):
            guard let type = failures.first(where: { UTF8Text.areEqual($0.failureName, name) }) else {
                return IdempotencyError.undeclaredFailure(name)
            }
            return restored(type, value)
        case .revoked:
            return IdempotencyError.revoked
        case .attemptsExhausted:
            return IdempotencyError.attemptsExhausted(attempt, isKnownWithoutEffect: true)
        case .retryable:
            return IdempotencyError.attemptFailed
        }
    }

    private func restored<Failure: FinalFailure>(_ type: Failure.Type, _ value: StoredValue) -> any Error {
        do {
            return try ResultKeeping.restore(Failure.self, from: value, with: codec)
        } catch {
            return error
        }
    }
}
