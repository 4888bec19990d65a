@available(Idempotency 0.1, *)
extension Engine {
    /// Waits until the record found may have changed, and reads it. Returns what remains of its lease when the wait is
    /// over instead.
    ///
    /// Only the leader of a flight comes here, to wait for another interceptor's run.
    func waitForChange(_ claiming: inout Claiming) async throws -> Duration? {
        let run = claiming.run
        let policy = run.call.policy
        guard let known = claiming.found else { return nil }
        let deadline = claiming.deadline
        let isFirstTime = run.withState { state in
            state.awaited = AwaitedAttempt(known.record)
            return state.waitForAnother()
        }
        if isFirstTime {
            // The first time: whoever does not want to wait for runs need not wait for this one either.
            flights.announceClaim(of: run, fingerprint: known.record.fingerprint)
        }
        guard runtime.time.now() < deadline else { return known.remaining }
        var leaseEnd = runtime.time.now().addingClamped(known.remainingNanoseconds)
        // What was found a moment ago need not be read again, unless changes since then were told to nobody.
        var mustRead = claiming.subscription != nil
        while true {
            // In this order, so that a change between the reading and the waiting ends the waiting.
            let signal = OneShot<WaitEnd>()
            run.withState { $0.waitSignal = signal }
            if claiming.subscription == nil, let wakingStore {
                claiming.subscription = try await subscribe(to: wakingStore, for: run, until: deadline)
                mustRead = true
            }
            if mustRead {
                do {
                    let notBefore = claiming.seen
                    let look = try await inTime(deadline) { try await self.store.load(run.key, notBefore: notBefore) }
                    guard let seen = look else { return .nanoseconds(max(0, leaseEnd - runtime.time.now())) }
                    guard let seen, seen.version == known.version, seen.remainingNanoseconds > 0 else {
                        claiming.found = seen
                        return nil
                    }
                    leaseEnd = runtime.time.now().addingClamped(seen.remainingNanoseconds)
                } catch is CancellationError where Task.isCancelled {
                    throw CancellationError()
                } catch {
                    events.report(error, of: run.key)
                    if let error = error as? IdempotencyError, error.isAboutAnswer { throw error }
                    guard runtime.time.now() < deadline else { throw IdempotencyError.storeUnavailable(error) }
                }
            }
            mustRead = true
            let now = runtime.time.now()
            let remaining = max(0, leaseEnd - now)
            guard now < deadline else { return .nanoseconds(remaining) }
            guard !isShutDown else { throw IdempotencyError.shutDown }
            // Not less than a tenth of a millisecond: two clocks may count the end of a lease a little differently.
            let look = now.addingClamped(min(policy.pollNanoseconds, max(remaining, 100_000)))
            let timer = timers.schedule(at: min(look, deadline)) { signal.fire(.lookAgain) }
            if claiming.waitingSince == nil {
                claiming.waitingSince = now
                // The next look is planned: an observer may move the clock.
                events.report(.waiting, run.key, known)
            }
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

    /// Has a store tell a run of changes. `nil`: it cannot, or not by then, and the run looks from time to time.
    private func subscribe(
        to store: any WakingIdempotencyStore,
        for run: Run,
        until deadline: Nanoseconds
    ) async throws -> (any StoreSubscription)? {
        do {
            return try await inTime(deadline) {
                try await store.subscribe(to: run.key) { run.withState { $0.waitSignal }?.fire(.lookAgain) }
            } tooLate: { subscription in
                subscription.cancel()
            }
        } catch is CancellationError where Task.isCancelled {
            throw CancellationError()
        } catch {
            return nil
        }
    }

    /// How long a question may take beyond the end of the wait, where the last one is asked.
    private static let lastQuestion: Nanoseconds = 100_000_000

    /// Asks the store for a caller that waits until then. `nil`: the store has not answered in time.
    ///
    /// The store may take longer, by its own bound or where many calls wait. The caller is answered or cancelled all the same.
    ///
    /// - Parameter tooLate: Receives an answer that nobody waits for any more.
    private func inTime<Value: Sendable>(
        _ deadline: Nanoseconds,
        _ ask: @escaping @Sendable () async throws -> Value,
        tooLate: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws -> Value? {
        let answer = OneShot<Result<Value?, any Error>>()
        let end = deadline.addingClamped(Self.lastQuestion)
        let timer = timers.schedule(at: end) { answer.fire(.success(nil)) }
        defer { timers.cancel(timer) }
        _ = Task.detached(executorPreference: runtime.executor) {
            do {
                let value = try await ask()
                if !answer.fire(.success(value)) { tooLate(value) }
            } catch {
                answer.fire(.failure(error))
            }
        }
        return try await withTaskCancellationHandler {
            await answer.value()
        } onCancel: {
            answer.fire(.failure(CancellationError()))
        }.get()
    }
}
