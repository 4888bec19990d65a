@available(Idempotency 0.1, *)
extension Engine {
    /// Makes sure that the key is still the run's, asking the store only if the lease may be over.
    func assureLease(of run: Run) async throws {
        // A reply may take longer than the lease that it grants: then it says nothing about now.
        for _ in 1...3 {
            let (phase, leaseEnd) = run.withState { ($0.phase, $0.leaseEnd) }
            guard phase == .held else { throw IdempotencyError.leaseLost(of: run) }
            if runtime.time.now() < leaseEnd { return }
            switch await writer.write(.renew, of: run, .twice) {
            case .written: break
            case .lost, .ended, .refused: throw IdempotencyError.leaseLost(of: run)
            case .failed(let error): throw IdempotencyError.leaseUncertain(error)
            }
        }
        throw IdempotencyError.slowerThanLease
    }

    /// Begins a step. Returns what an earlier attempt kept of it; `nil`: take it.
    func beginStep(_ name: String, of run: Run) async throws -> StoredValue? {
        try KeyText.validate(name, "The step's name")
        let (isNew, kept) = run.withState { state in
            (state.beginStep(name), state.stored?.record.checkpoints.first { UTF8Text.areEqual($0.name, name) }?.value)
        }
        guard isNew else { throw IdempotencyError.repeatedStep }
        if let kept { return kept }
        try await assureLease(of: run)
        return nil
    }

    /// Keeps a step's result. The write renews the lease as well.
    func endStep(_ name: String, _ value: StoredValue, of run: Run) async throws {
        switch await writer.write(.checkpoint(Checkpoint(name: name, value: value)), of: run, .untilLeaseEnds) {
        case .written: return
        case .lost, .ended, .refused:
            throw IdempotencyError.leaseLost(of: run)
        case .failed(let error):
            // Without the value: it is the step's, and the caller would take it for the operation's.
            throw IdempotencyError.resultNotSaved(of: run, cause: error)
        }
    }
}
