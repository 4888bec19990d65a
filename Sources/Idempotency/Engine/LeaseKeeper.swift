import Synchronization

/// Renews the leases of long runs, well before their end.
///
/// It looks through the flights when the earliest renewal may be due. A handler that is done by then has cost it one
/// comparison.
@available(Idempotency 0.1, *)
final class LeaseKeeper: Sendable {
    private let runtime: IdempotencyRuntime
    private let timers: Timers
    private let flights: FlightTable
    /// When the flights are looked through next; the end of time when nothing is planned.
    private let nextLook = Atomic(Nanoseconds.max)
    private let isStopped = Atomic(false)
    private let renew: @Sendable (Run) async -> Void

    init(
        _ runtime: IdempotencyRuntime,
        timers: Timers,
        flights: FlightTable,
        renew: @escaping @Sendable (Run) async -> Void
    ) {
        self.runtime = runtime
        self.timers = timers
        self.flights = flights
        self.renew = renew
    }

    /// A run holds its claim, and wants it renewed then.
    func watch(dueAt due: Nanoseconds) {
        // Orders the run's new state before this look at the plan: either a look that begins now sees the run, or this
        // sees that nothing is planned early enough.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if due < nextLook.load(ordering: .relaxed) { plan(due) }
    }

    func stop() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
    }

    private func plan(_ due: Nanoseconds) {
        guard due != .max, !isStopped.load(ordering: .relaxed) else { return }
        guard nextLook.min(due, ordering: .sequentiallyConsistent).oldValue > due else { return }
        // Weakly: an interceptor that nobody has any more must not live on until the timer fires.
        _ = timers.schedule(at: due) { [weak self] in self?.look() }
    }

    private func look() {
        nextLook.store(.max, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard !isStopped.load(ordering: .relaxed) else { return }
        let now = runtime.time.now()
        var earliest = Nanoseconds.max
        for run in flights.runs {
            let lease = run.call.policy.leaseNanoseconds
            let (isDue, next) = run.withState { state in
                // Until it reports, a renewal is given a sixth of the lease before it is tried again.
                let isDue = state.takeRenewal(dueAt: now, nextTry: now.addingClamped(max(1, lease / 6)))
                return (isDue, state.renewalDue)
            }
            if isDue {
                _ = Task(executorPreference: runtime.executor) { await self.renew(run) }
            }
            earliest = min(earliest, next)
        }
        plan(earliest)
    }
}
