#if PostgreSQL
internal import Idempotency

/// A key's place in a batch: one write, or calls that want to know what is there, and of which the first one that claims
/// may write.
@available(Idempotency 0.1, *)
struct PostgreSQLSlot: Sendable {
    let key: IdempotencyKey
    private(set) var jobs: [PostgreSQLJob]

    init(_ job: PostgreSQLJob) {
        key = job.key
        jobs = [job]
    }

    /// Takes another call for the same key along, if one look can answer both.
    ///
    /// - Returns: Whether it was taken.
    mutating func join(_ job: PostgreSQLJob) -> Bool {
        if jobs[0].isUrgent || job.isUrgent { return false }
        jobs.append(job)
        return true
    }

    /// The call that writes if nothing is there.
    var claim: PostgreSQLJob.Columns? {
        for case .claim(let columns) in jobs.lazy.map(\.request) { return columns }
        return nil
    }

    /// Everybody learns what is there.
    func found(_ record: StoredRecord?) {
        for job in jobs { job.found(record) }
    }

    func fail(_ error: any Error) {
        for job in jobs { job.fail(error) }
    }

    /// Tells the call that wrote.
    ///
    /// - Returns: Those that have to look again.
    func claimed(_ version: Int64) -> PostgreSQLSlot? {
        var rest = self
        guard let index = jobs.firstIndex(where: { if case .claim = $0.request { true } else { false } }) else {
            return self
        }
        rest.jobs.remove(at: index).stored(version)
        return rest.jobs.isEmpty ? nil : rest
    }

    /// Nothing is there, and nobody claims it: who loads learns that.
    ///
    /// - Returns: Those that were to remove nothing, and need a version for it.
    func absent() -> PostgreSQLSlot? {
        var rest = self
        rest.jobs = []
        for job in jobs {
            if case .removeNothing = job.request { rest.jobs.append(job) } else { job.found(nil) }
        }
        return rest.jobs.isEmpty ? nil : rest
    }
}
#endif
