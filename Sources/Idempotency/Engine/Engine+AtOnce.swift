/// The common cases on a store that answers without waiting: a free key is claimed, a kept result is replayed, a run ends.
///
/// Nothing is decided here that the general path would decide otherwise. Whatever is not common is left to it, and it asks
/// the store again. Only a cancellation that arrives within these few instructions is the handler's to notice.
@available(Idempotency 0.1, *)
extension Engine {
    /// What could be decided at once.
    enum Opening {
        case decided(Acquisition)
        /// The key's flight is led; the claim is still to be made, or is made and has to be looked at.
        case leads(Run)
        /// Somebody leads the key's flight.
        case joins
    }

    /// Claims the key, or replays its result.
    func acquireAtOnce(
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ policy: OperationPolicy
    ) throws -> Opening {
        let enclosing = try enter(key)
        guard let run = flights.lead(key, fingerprint, policy, enclosing: enclosing) else { return .joins }
        // Now that the flight is there, a shutdown either sees it or is seen.
        guard !isShutDown else { return .leads(run) }
        let record = RecordStateMachine.firstClaim(run.call.claim(by: run.claimant))
        let sentAt = runtime.time.now()
        var found: StoredRecord?
        // An error is the general path's to report; it meets it again.
        if let version = try? immediateStore?.write(record, under: key, expecting: nil, found: &found) {
            hold(record, version, by: run, sentAt: sentAt)
            // Time can pass between any two lines: a process may be stopped for longer than a lease.
            guard !isShutDown, runtime.time.now() < sentAt.addingClamped(record.leaseNanoseconds) else {
                return .leads(run)
            }
            reportClaim(of: run, over: nil)
            return .decided(.run(run))
        }
        guard let found, case .done = found.record.state,
            case .refused(let refusal) = RecordStateMachine.claim(found, run.call.claim(by: run.claimant))
        else { return .leads(run) }
        defer { flights.resolve(run, .observed(found)) }
        return .decided(try acquisition(refused: refusal, found, run.key))
    }

    /// Records what the handler returned. `false`: it could not be done at once, and nothing is changed.
    func concludeAtOnce(_ run: Run, _ value: StoredValue) -> Bool {
        let event = RecordStateMachine.Event.complete(value, retention: run.call.policy.retentionNanoseconds)
        var record: IdempotencyRecord?
        guard let expected = run.takeTurnAtOnce(for: event, record: &record) else { return false }
        var found: StoredRecord?
        guard let version = try? immediateStore?.write(record!, under: run.key, expecting: expected, found: &found),
            version > expected
        else {
            run.endTurn()
            return false
        }
        run.wroteLast()
        flights.resolve(run, .observed(StoredRecord(version: version, written: record!)))
        reportCompleted(run)
        return true
    }
}
