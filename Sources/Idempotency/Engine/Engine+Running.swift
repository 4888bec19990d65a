@available(Idempotency 0.1, *)
extension Engine {
    /// Runs the handler in the caller's isolation if the key allows it, and says what became of the call.
    func outcome<Keeping: ValueKeeping>(
        _ call: Call, failures: [any FinalFailure.Type], _: Keeping.Type,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> Keeping.Value
    ) async throws -> IdempotentOutcome<Keeping.Value> {
        let acquisition: Acquisition
        switch call.policy.mode {
        case .enforce: acquisition = try await acquire(call)
        case .observeOnly: acquisition = try await observe(call)
        case .off: acquisition = .unprotected(nil)
        }
        switch acquisition {
        case .run(let run):
            let value: Keeping.Value
            do {
                value = try await Run.$current.withValue(run) { try await handler(IdempotentExecution(run, self)) }
            } catch {
                throw await concludeFailure(run, error, failures)
            }
            let stored = Keeping.keep(value, with: codec, limit: call.policy.maximumResultSize)
            try await conclude(run, stored)
            return .ran(value)
        case .unprotected(let run):
            do {
                let value = try await handler(IdempotentExecution(unprotected: call.key))
                if let run {
                    let stored = Keeping.keep(value, with: codec, limit: call.policy.maximumResultSize)
                    settleLater(run, .complete(stored, retention: call.policy.retentionNanoseconds))
                }
                return .ran(value)
            } catch {
                let (event, thrown) = classify(error, call.policy.lapse.recorded, call, failures)
                if let run { settleLater(run, event) }
                throw thrown
            }
        case .replay(let stored):
            return .replayed(try Keeping.restore(stored, with: codec))
        case .failed(let failure, let attempt):
            throw rethrown(failure, attempt, failures)
        case .inProgress(let remaining):
            return .inProgress(remaining: remaining)
        case .unknown(let outcome):
            return .unknown(outcome)
        }
    }

    /// Runs the handler in a task of its own, which goes on when the caller is cancelled.
    func outcomeInOwnTask<Keeping: ValueKeeping & SendableMetatype>(
        _ call: Call, failures: [any FinalFailure.Type], _ keeping: Keeping.Type,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> Keeping.Value
    ) async throws -> IdempotentOutcome<Keeping.Value> where Keeping.Value: Sendable {
        try Task.checkCancellation()
        let result = OneShot<Result<IdempotentOutcome<Keeping.Value>, any Error>>()
        _ = Task(executorPreference: runtime.handlerExecutor) {
            do {
                result.fire(.success(try await self.outcome(call, failures: failures, keeping, handler: handler)))
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
        _ failure: StoredFailure, _ attempt: Int, _ failures: [any FinalFailure.Type]
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
            return try CodableKeeping<Failure>.restore(value, with: codec)
        } catch {
            return error
        }
    }
}
