import Synchronization

/// The keys that this interceptor is at work on: for each a leader, and the callers that wait for it.
///
/// Sharded, so that callers of different keys seldom meet. Signals are fired after unlocking.
@available(Idempotency 0.1, *)
final class FlightTable: Sendable {
    enum Join {
        case leads(Run)
        case waits(on: Run)
        case busy(Run)
        case mismatched
        case tooManyWaiters
    }

    private struct Flight {
        var leader: Run
        var waiters: [Waiter] = []
    }

    private struct State {
        var flights: [IdempotencyKey: Flight] = [:]
        var random: SplitMix64
        let storeID: ObjectIdentifier

        mutating func makeRun(_ call: Call, enclosing: Run?) -> Run {
            let claimant = Claimant(high: random.next(), low: random.next())
            return Run(call, claimant: claimant, enclosing: enclosing, storeID: storeID)
        }
    }

    private final class Shard: Sendable {
        let state: Mutex<State>

        init(seed: UInt64, storeID: ObjectIdentifier) {
            state = Mutex(State(random: SplitMix64(seed: seed), storeID: storeID))
        }
    }

    private let shards: [Shard]
    /// Set while somebody waits for the table to become empty.
    private let drained = Mutex<OneShot<Void>?>(nil)
    private let isDraining = Atomic(false)

    init(seed: UInt64, storeID: ObjectIdentifier) {
        var random = SplitMix64(seed: seed)
        shards = (0..<64).map { _ in Shard(seed: random.next(), storeID: storeID) }
    }

    private func shard(of key: IdempotencyKey) -> Shard {
        shards[(key.storedHash >> 7) & 63]
    }

    // MARK: Joining

    /// Leads the key if nobody does.
    func lead(_ call: Call, enclosing: Run?) -> Run? {
        shard(of: call.key).state.withLock { state in
            let run = state.makeRun(call, enclosing: enclosing)
            let isNew = Self.insertIfAbsent(run, into: &state.flights)
            return isNew ? run : nil
        }
    }

    private static func insertIfAbsent(_ run: Run, into flights: inout [IdempotencyKey: Flight]) -> Bool {
        var isNew = false
        // One look-up for both the test and the insertion.
        _ = { (flight: inout Flight) in isNew = flight.leader === run }(&flights[run.key, default: Flight(leader: run)])
        return isNew
    }

    /// A run for a key that is in no flight, for callers that block nobody.
    func makeLooseRun(_ call: Call, enclosing: Run?) -> Run {
        shard(of: call.key).state.withLock { $0.makeRun(call, enclosing: enclosing) }
    }

    /// Leads the key, or waits for whoever does.
    func join(_ waiter: Waiter) -> Join {
        let call = waiter.call
        return shard(of: call.key).state.withLock { state in
            guard let leader = state.flights[call.key]?.leader else {
                let run = state.makeRun(call, enclosing: waiter.enclosing)
                state.flights[call.key] = Flight(leader: run)
                return .leads(run)
            }
            // The shard's lock is held around the run's, never the other way round.
            let (isHeld, kept) = leader.withState { run in
                run.follow(impatiently: !waiter.isPatient || call.fingerprint != nil)
                return (run.phase != .claiming, run.stored?.record.fingerprint)
            }
            if isHeld {
                if let kept, let asked = call.fingerprint, kept != asked { return .mismatched }
                if !waiter.isPatient { return .busy(leader) }
            }
            guard state.flights[call.key]!.waiters.count < call.policy.maximumWaiters else { return .tooManyWaiters }
            state.flights[call.key]!.waiters.append(waiter)
            return .waits(on: leader)
        }
    }

    /// Takes back a waiter that gave up.
    func leave(_ waiter: Waiter) {
        shard(of: waiter.call.key).state.withLock { state in
            guard let index = state.flights[waiter.call.key]?.waiters.firstIndex(where: { $0 === waiter }) else { return }
            state.flights[waiter.call.key]!.waiters.remove(at: index)
        }
    }

    // MARK: Leading

    /// The leader's claim is made: whoever does not want to wait for a run, or asked for something else, hears of it.
    func announceClaim(of run: Run, fingerprint: Fingerprint?) {
        let wakes: [(Waiter, Waiter.Wake)] = shard(of: run.key).state.withLock { state in
            guard state.flights[run.key]?.leader === run else { return [] }
            var wakes: [(Waiter, Waiter.Wake)] = []
            state.flights[run.key]!.waiters.removeAll { waiter in
                if let fingerprint, let asked = waiter.call.fingerprint, fingerprint != asked {
                    wakes.append((waiter, .mismatched))
                } else if !waiter.isPatient {
                    wakes.append((waiter, .busy))
                } else {
                    return false
                }
                return true
            }
            return wakes
        }
        for (waiter, wake) in wakes { waiter.signal.fire(wake) }
    }

    /// Ends the flight and tells everybody who waits.
    func resolve(_ run: Run, _ wake: Waiter.Wake) {
        let waiters = shard(of: run.key).state.withLock { state -> [Waiter] in
            guard let index = state.flights.index(forKey: run.key), state.flights.values[index].leader === run else {
                return []
            }
            return state.flights.remove(at: index).value.waiters
        }
        for waiter in waiters { waiter.signal.fire(wake) }
        noteRemoval()
    }

    /// Hands the lead to whoever waits longest and is still there; ends the flight if nobody is.
    func handOver(_ run: Run) {
        var leaving = run
        while true {
            let heir: (waiter: Waiter, run: Run)? = shard(of: run.key).state.withLock { state in
                guard state.flights[run.key]?.leader === leaving else { return nil }
                guard !state.flights[run.key]!.waiters.isEmpty else {
                    state.flights[run.key] = nil
                    return nil
                }
                let waiter = state.flights[run.key]!.waiters.removeFirst()
                let heir = state.makeRun(waiter.call, enclosing: waiter.enclosing)
                state.flights[run.key]!.leader = heir
                return (waiter, heir)
            }
            guard let heir else { return noteRemoval() }
            if heir.waiter.signal.fire(.lead(heir.run)) { return }
            // It gave up in the meantime, and will never know that it led.
            leaving = heir.run
        }
    }

    // MARK: The whole table

    var runs: [Run] {
        shards.flatMap { shard in shard.state.withLock { $0.flights.values.map(\.leader) } }
    }

    func leader(of key: IdempotencyKey) -> Run? {
        shard(of: key).state.withLock { $0.flights[key]?.leader }
    }

    /// How many keys are in flight.
    var count: Int {
        shards.reduce(0) { count, shard in count + shard.state.withLock { $0.flights.count } }
    }

    /// Fires the signal as soon as no key is in flight.
    func drain(_ signal: OneShot<Void>) {
        drained.withLock { $0 = signal }
        isDraining.store(true, ordering: .sequentiallyConsistent)
        noteRemoval()
    }

    private func noteRemoval() {
        guard isDraining.load(ordering: .relaxed), count == 0 else { return }
        drained.withLock { $0 }?.fire(())
    }
}
