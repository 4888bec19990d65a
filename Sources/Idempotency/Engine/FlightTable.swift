import Synchronization

/// The keys that this interceptor is at work on: for each a leader, and the callers that wait for it.
///
/// Sharded, so that callers of different keys seldom meet. A shard is a list: few keys are in flight at once, and with
/// some thousands a look through a shard still costs less than a call to a store. Signals are fired after unlocking.
@available(Idempotency 0.1, *)
final class FlightTable: Sendable {
    enum Join {
        case leads(Run)
        case waits(Waiter, on: Run)
        case busy(Run)
        case mismatched
        case tooManyWaiters
        /// The leader runs without the store, which this caller does not.
        case unavailable(any Error)
    }

    private struct Flight {
        let hash: Int
        var leader: Run
        /// Whether nobody may join: the run blocks nobody.
        var isLoose = false
        var waiters: [Waiter] = []
    }

    private struct State {
        var flights: [Flight] = []
        /// Two, so that a claimant has 128 random bits.
        var random: (high: SplitMix64, low: SplitMix64)
        let storeID: ObjectIdentifier

        func index(of key: IdempotencyKey) -> Int? {
            let hash = key.storedHash
            return flights.firstIndex { $0.hash == hash && !$0.isLoose && $0.leader.key == key }
        }

        /// Where the key's flight is, if this run leads it.
        func index(ledBy run: Run) -> Int? {
            flights.firstIndex { $0.leader === run }
        }

        mutating func makeRun(_ call: Call, enclosing: Run?) -> Run {
            let claimant = Claimant(high: random.high.next(), low: random.low.next())
            return Run(call, claimant: claimant, enclosing: enclosing, storeID: storeID)
        }

        mutating func begin(_ call: Call, enclosing: Run?) -> Run {
            let run = makeRun(call, enclosing: enclosing)
            flights.append(Flight(hash: call.key.storedHash, leader: run))
            return run
        }

        /// Ends a flight. Returns who waited.
        mutating func remove(at index: Int) -> [Waiter] {
            flights.swapAt(index, flights.count - 1)
            let waiters = flights.removeLast().waiters
            // An array does not shrink by itself.
            if flights.capacity > 64, flights.count < flights.capacity / 4 { flights = flights.map { $0 } }
            return waiters
        }
    }

    private final class Shard: Sendable {
        let state: Mutex<State>

        init(_ random: RandomSource, storeID: ObjectIdentifier) {
            let generators = (SplitMix64(seed: random.next()), SplitMix64(seed: random.next()))
            state = Mutex(State(random: generators, storeID: storeID))
        }
    }

    private let shards: [Shard]
    /// Who waits for the table to become empty.
    private let drained = Mutex<[OneShot<Void>]>([])
    private let isDraining = Atomic(false)

    init(_ random: RandomSource, storeID: ObjectIdentifier) {
        shards = (0..<256).map { _ in Shard(random, storeID: storeID) }
    }

    private func shard(of key: IdempotencyKey) -> Shard {
        shards[(key.storedHash >> 8) & 255]
    }

    // MARK: Joining

    /// Leads the key if nobody does.
    func lead(
        _ key: IdempotencyKey,
        _ fingerprint: Fingerprint?,
        _ policy: OperationPolicy,
        enclosing: Run?
    ) -> Run? {
        shard(of: key).state.withLock { state in
            guard state.index(of: key) == nil else { return nil }
            return state.begin(Call(key: key, fingerprint: fingerprint, policy: policy), enclosing: enclosing)
        }
    }

    /// A run for a key that is in no flight, for callers that block nobody.
    func makeLooseRun(_ call: Call, enclosing: Run?) -> Run {
        shard(of: call.key).state.withLock { $0.makeRun(call, enclosing: enclosing) }
    }

    /// Adds a run that blocks nobody: its claim is renewed, and awaited by a shutdown, as the others are.
    func add(loose run: Run) {
        shard(of: run.key).state.withLock {
            $0.flights.append(Flight(hash: run.key.storedHash, leader: run, isLoose: true))
        }
    }

    /// Leads the key, or waits for whoever does.
    func join(_ call: Call, enclosing: Run?) -> Join {
        shard(of: call.key).state.withLock { state in
            guard let index = state.index(of: call.key) else {
                return .leads(state.begin(call, enclosing: enclosing))
            }
            let leader = state.flights[index].leader
            let isPatient = call.policy.waitNanoseconds > 0
            // The shard's lock is held around the run's, never the other way round.
            let (isHeld, kept, opening) = leader.withState { run in
                run.follow(impatiently: !isPatient || call.fingerprint != nil)
                let isHeld = run.phase != .claiming || run.isWaitingForAnother || run.opening != nil
                let kept = run.opening == nil ? run.stored?.record.fingerprint : leader.call.fingerprint
                return (isHeld, kept, run.opening)
            }
            if let opening, case .failClosed = call.policy.storeFailure { return .unavailable(opening) }
            if isHeld {
                if let kept, let asked = call.fingerprint, kept != asked { return .mismatched }
                if !isPatient { return .busy(leader) }
            }
            guard state.flights[index].waiters.count < call.policy.maximumWaiters else { return .tooManyWaiters }
            let waiter = Waiter(call, enclosing: enclosing)
            state.flights[index].waiters.append(waiter)
            return .waits(waiter, on: leader)
        }
    }

    /// Takes back a waiter that gave up.
    func leave(_ waiter: Waiter) {
        shard(of: waiter.call.key).state.withLock { state in
            guard let flight = state.index(of: waiter.call.key) else { return }
            state.flights[flight].waiters.removeAll { $0 === waiter }
        }
    }

    // MARK: Leading

    /// The leader's claim is made, or it waits for another interceptor's: whoever does not want to wait for a run, or asked for something else, hears of it.
    func announceClaim(of run: Run, fingerprint: Fingerprint?) {
        let wakes: [(Waiter, Waiter.Wake)] = shard(of: run.key).state.withLock { state in
            guard let index = state.index(ledBy: run) else { return [] }
            var wakes: [(Waiter, Waiter.Wake)] = []
            state.flights[index].waiters.removeAll { waiter in
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

    /// The leader could not reach the store: tells so whoever does nothing without it.
    func refuse(_ run: Run, _ wake: Waiter.Wake, unless mayOpen: (Call) -> Bool) {
        let refused: [Waiter] = shard(of: run.key).state.withLock { state in
            guard let index = state.index(ledBy: run) else { return [] }
            let refused = state.flights[index].waiters.filter { !mayOpen($0.call) }
            state.flights[index].waiters.removeAll { !mayOpen($0.call) }
            return refused
        }
        for waiter in refused { waiter.signal.fire(wake) }
    }

    /// Ends the flight, and tells everybody who waits what its run left in the store.
    func resolve(_ run: Run) {
        guard let stored = run.stored else { return resolve(run, .busy) }
        let hasFailed =
            switch stored.record.state {
            case .failed(.retryable(let reason)): reason != .neverEntered
            case .pending(let reason): reason == .handlerThrew
            case .done, .failed: false
            }
        resolve(run, hasFailed ? .attemptFailed(stored) : .observed(stored))
    }

    /// Ends the flight and tells everybody who waits.
    func resolve(_ run: Run, _ wake: @autoclosure () -> Waiter.Wake) {
        let waiters = shard(of: run.key).state.withLock { state in
            state.index(ledBy: run).map { state.remove(at: $0) } ?? []
        }
        if !waiters.isEmpty {
            let wake = wake()
            for waiter in waiters { waiter.signal.fire(wake) }
        }
        noteRemoval()
    }

    /// Hands the lead to whoever waits longest and is still there; ends the flight if nobody is.
    func handOver(_ run: Run) {
        var leaving = run
        while true {
            let heir: (waiter: Waiter, run: Run)? = shard(of: run.key).state.withLock { state in
                guard let index = state.index(ledBy: leaving) else { return nil }
                guard !state.flights[index].waiters.isEmpty else {
                    _ = state.remove(at: index)
                    return nil
                }
                let waiter = state.flights[index].waiters.removeFirst()
                let heir = state.makeRun(waiter.call, enclosing: waiter.enclosing)
                let awaited = leaving.withState { $0.awaitedByFollowers }
                heir.withState { $0.awaited = awaited }
                // Who stays wants to hear of the heir's claim as well.
                if !state.flights[index].waiters.isEmpty { heir.withState { $0.follow(impatiently: true) } }
                state.flights[index].leader = heir
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
        shards.flatMap { shard in shard.state.withLock { $0.flights.map(\.leader) } }
    }

    func leader(of key: IdempotencyKey) -> Run? {
        shard(of: key).state.withLock { state in state.index(of: key).map { state.flights[$0].leader } }
    }

    /// How many keys are in flight.
    var count: Int {
        shards.reduce(0) { count, shard in count + shard.state.withLock { $0.flights.count } }
    }

    /// Fires the signal as soon as no key is in flight.
    func drain(_ signal: OneShot<Void>) {
        drained.withLock { $0.append(signal) }
        isDraining.store(true, ordering: .sequentiallyConsistent)
        noteRemoval()
    }

    private func noteRemoval() {
        guard isDraining.load(ordering: .relaxed), count == 0 else { return }
        let signals = drained.withLock { signals in
            defer { signals = [] }
            return signals
        }
        for signal in signals { signal.fire(()) }
    }
}
