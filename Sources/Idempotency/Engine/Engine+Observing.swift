@available(Idempotency 0.1, *)
extension Engine {
    /// Claims the key if it is free, reports what would have been done if it is not, and blocks nothing either way.
    func observe(_ call: Call) async throws -> Acquisition {
        guard !isShutDown else { return .unprotected(nil) }
        let run = flights.makeLooseRun(call, of: self, enclosing: Run.current?.nearestInProgress)
        let asked = call.claim(by: run.claimant)
        var found: StoredRecord?
        do {
            for _ in 0..<3 {
                let record: IdempotencyRecord
                switch RecordStateMachine.claim(found, asked) {
                case .run(let next):
                    record = next
                case .refused(.done), .refused(.failed):
                    report(.wouldHaveReplayed, call.key, attempt: found?.record.attempt ?? 0)
                    return .unprotected(nil)
                case .refused, .reconcile, .exhaust:
                    report(.wouldHaveRefused, call.key, attempt: found?.record.attempt ?? 0)
                    return .unprotected(nil)
                }
                let sentAt = runtime.time.now()
                switch try await store.checkAndSet(call.key, expecting: found?.version, .write(record)) {
                case .stored(let version):
                    flights.add(loose: run)
                    hold(record, version, by: run, sentAt: sentAt)
                    report(.claimed, call.key, attempt: record.attempt)
                    return .run(run)
                case .conflict(let actual):
                    found = actual
                }
            }
        } catch {
            report(.storeFailed, call.key, error: error)
            // The claim may be there: then it ends as the run does.
            return .unprotected(run)
        }
        return .unprotected(nil)
    }
}
