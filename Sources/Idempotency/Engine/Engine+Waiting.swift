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
        var remaining = known.remainingNanoseconds
        var leaseEnd = runtime.time.now().addingClamped(remaining)
        // What was found a moment ago need not be read again, unless changes since then were told to nobody.
        var mustRead = claiming.subscription != nil
        while true {
            // In this order, so that a change between the reading and the waiting ends the waiting.
            let signal = OneShot<WaitEnd>()
            run.withState { $0.waitSignal = signal }
            if claiming.subscription == nil, let wakingStore {
                claiming.subscription = try? await wakingStore.subscribe(to: run.key) {
                    run.withState { $0.waitSignal }?.fire(.lookAgain)
                }
                mustRead = true
            }
            if mustRead {
                do {
                    guard let seen = try await look(for: run, notBefore: claiming.seen, until: deadline) else {
                        return .nanoseconds(max(0, leaseEnd - runtime.time.now()))
                    }
                    guard let seen, seen.version == known.version, seen.remainingNanoseconds > 0 else {
                        claiming.found = seen
                        return nil
                    }
                    remaining = seen.remainingNanoseconds
                    leaseEnd = runtime.time.now().addingClamped(remaining)
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

    /// How long a look may take beyond the end of the wait: the last one begins there.
    private static let lastLook: Nanoseconds = 100_000_000

    /// Reads the record, for whoever waits until then. `nil`: the store has not answered in time.
    ///
    /// The store may take longer, by its own bound or where many calls wait. Its answer helps nobody then.
    private func look(
        for run: Run,
        notBefore seen: RecordVersion?,
        until deadline: Nanoseconds
    ) async throws -> StoredRecord?? {
        let answer = OneShot<Result<StoredRecord??, any Error>>()
        let timer = timers.schedule(at: deadline.addingClamped(Self.lastLook)) { answer.fire(.success(nil)) }
        defer { timers.cancel(timer) }
        _ = Task.detached(executorPreference: runtime.executor) {
            do {
                answer.fire(.success(.some(try await self.store.load(run.key, notBefore: seen))))
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
