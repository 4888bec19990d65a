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
    /// When the flights are looked through next, and the timer for it.
    private struct Plan {
        /// Counts the plans: two may be for the same moment.
        var number: UInt64 = 0
        var due = Nanoseconds.max
        var timer: Timers.ID?
    }

    private let planned = Mutex(Plan())
    /// As ``Plan/due``, to be looked at without a lock; the end of time when nothing is planned.
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

    /// Plans a look, unless an earlier one is planned. There is never more than one timer.
    private func plan(_ due: Nanoseconds) {
        guard due != .max, !isStopped.load(ordering: .relaxed) else { return }
        let (number, later) = planned.withLock { plan -> (UInt64?, Timers.ID?) in
            guard due < plan.due else { return (nil, nil) }
            let later = plan.timer
            plan = Plan(number: plan.number + 1, due: due)
            nextLook.store(due, ordering: .sequentiallyConsistent)
            return (plan.number, later)
        }
        guard let number else { return }
        if let later { timers.cancel(later) }
        // Weakly: an interceptor that nobody has any more must not live on until the timer fires.
        let timer = timers.schedule(at: due) { [weak self] in self?.look(planned: number) }
        let isReplaced = planned.withLock { plan in
            guard plan.number == number else { return true }
            plan.timer = timer
            return false
        }
        if isReplaced { timers.cancel(timer) }
    }

    private func look(planned number: UInt64) {
        let isPlanned = planned.withLock { plan in
            guard plan.number == number, plan.due != .max else { return false }
            plan = Plan(number: number + 1)
            nextLook.store(.max, ordering: .sequentiallyConsistent)
            return true
        }
        guard isPlanned else { return }
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
                _ = Task.detached(executorPreference: runtime.executor) { await self.renew(run) }
            }
            earliest = min(earliest, next)
        }
        plan(earliest)
    }
}
