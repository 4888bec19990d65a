#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL

/// A key's place in a batch: one write, or calls that want to know what is there, and of which the first one that claims
/// may write.
@available(Idempotency 0.1, *)
struct PostgreSQLSlot: Sendable {
    /// At least one.
    private(set) var jobs: [PostgreSQLJob]

    private init(_ job: PostgreSQLJob) { jobs = [job] }

    var key: IdempotencyKey { jobs[0].key }

    /// The places of calls, in an order that is the same everywhere, so that two batches never wait for each other.
    ///
    /// - Parameter jobs: The calls in the order in which they came; those of a key can be answered together.
    static func slots(for jobs: [PostgreSQLJob]) -> [PostgreSQLSlot] {
        // Numbers are sorted faster than calls.
        let order = jobs.indices.map { (digest: jobs[$0].key.digest, index: $0) }.sorted { $0 < $1 }
        var slots: [PostgreSQLSlot] = []
        slots.reserveCapacity(jobs.count)
        for (_, index) in order {
            let job = jobs[index]
            // Keys that share a digest are few, and seldom there at all.
            var place = slots.count
            while place > 0, Self.precedes(job.key, slots[place - 1].key) { place -= 1 }
            if place > 0, slots[place - 1].key == job.key {
                slots[place - 1].jobs.append(job)
            } else {
                slots.insert(PostgreSQLSlot(job), at: place)
            }
        }
        return slots
    }

    private static func precedes(_ one: IdempotencyKey, _ other: IdempotencyKey) -> Bool {
        if one.digest != other.digest { return one.digest < other.digest }
        return (one.scope.text, one.value) < (other.scope.text, other.value)
    }

    /// The call that writes if nothing is there.
    var claim: RecordColumns? {
        for case .claim(let columns) in jobs.lazy.map(\.request) { return columns }
        return nil
    }

    /// The call that wrote, and those that have to look again.
    func claimed() -> (PostgreSQLJob, PostgreSQLSlot?)? {
        guard let index = jobs.firstIndex(where: { if case .claim = $0.request { true } else { false } }) else {
            return nil
        }
        var rest = self
        let job = rest.jobs.remove(at: index)
        return (job, rest.jobs.isEmpty ? nil : rest)
    }

    /// Where nothing is, and nobody claims it: those that load, and those that were to remove nothing and need a version for it.
    func absent() -> ([PostgreSQLJob], PostgreSQLSlot?) {
        var rest = self
        rest.jobs = jobs.filter { if case .removeNothing = $0.request { true } else { false } }
        let loads = jobs.filter { if case .load = $0.request { true } else { false } }
        return (loads, rest.jobs.isEmpty ? nil : rest)
    }
}
#endif
