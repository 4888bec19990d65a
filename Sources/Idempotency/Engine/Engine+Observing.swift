@available(Idempotency 0.1, *)
extension Engine {
    /// Claims the key if it is free, reports what would have been done if it is not, and blocks nothing either way.
    func observe(_ call: Call) async throws -> Acquisition {
        guard !isShutDown else { return .unprotected(nil, mayHoldClaim: false) }
        let run = flights.makeLooseRun(call, enclosing: Run.current?.nearestInProgress)
        flights.add(loose: run)
        // Now that the run is there, a shutdown either sees it or is seen.
        if !isShutDown {
            do {
                if try await observe(run) { return .run(run) }
            } catch {
                events.report(error, of: call.key)
                if !Self.provesNothingWritten(error) {
                    // The claim may be there: then it ends as the run does.
                    return .unprotected(run, mayHoldClaim: true)
                }
            }
        }
        flights.handOver(run)
        return .unprotected(nil, mayHoldClaim: false)
    }

    /// Claims the key for a run if it is free, or reports what would have been done. Returns whether it is claimed.
    private func observe(_ run: Run) async throws -> Bool {
        let asked = run.call.claim(by: run.claimant)
        var found: StoredRecord?
        var seen: RecordVersion?
        for _ in 0..<3 {
            let record: IdempotencyRecord
            switch RecordStateMachine.claim(found, asked) {
            case .run(let next):
                record = next
            case .refused(.done), .refused(.failed):
                events.report(.wouldHaveReplayed, run.key, found)
                return false
            case .refused, .reconcile, .exhaust:
                events.report(.wouldHaveRefused, run.key, found)
                return false
            }
            let expected = found?.version
            run.withState { $0.claimExpected = expected }
            let sentAt = runtime.time.now()
            switch try await store.checkAndSet(run.key, expecting: expected, .write(record), after: seen) {
            case .stored(let version):
                hold(record, version, by: run, sentAt: sentAt)
                reportClaim(of: run, over: found)
                return true
            case .conflict(let actual):
                found = actual
                seen = actual.map { max($0.version, seen ?? $0.version) } ?? seen
            }
        }
        return false
    }
}
