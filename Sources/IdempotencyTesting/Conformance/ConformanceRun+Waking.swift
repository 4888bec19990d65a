internal import Idempotency
import Synchronization

@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// Looks again and again until something is so, at least a hundred times and until the limit. Returns whether it became so.
    private func wait(for isSo: @Sendable () -> Bool) async throws -> Bool {
        let end = ContinuousClock.now.advanced(by: subject.wakeLimit)
        var looks = 0
        while looks < 100 || ContinuousClock.now < end {
            if isSo() { return true }
            looks += 1
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
        return isSo()
    }

    /// A claim, a finish and a removal, the odd ones of them by the other way.
    private func changeThrice(
        _ key: IdempotencyKey,
        _ body: (RecordChange, _ make: () async throws -> RecordVersion) async throws -> Void
    ) async throws {
        var version: RecordVersion?
        for (number, change) in [RecordChange.write(claim()), .write(finished()), .remove].enumerated() {
            let way = way(number)
            try await body(change) {
                guard case .stored(let next) = try await way.checkAndSet(key, expecting: version, change) else {
                    throw ConformanceViolation(check: check, message: "change \(number + 1) was not stored.")
                }
                version = next
                return next
            }
        }
    }

    func changesWakeSubscribers() async throws {
        guard let waking = store as? any WakingIdempotencyStore else { return }
        // What the name of a channel may not bear.
        for value in ["k", "'; \"%_\\ é", String(repeating: "x", count: 255)] {
            let key = try key(value)
            let calls = Calls()
            let subscription = try await waking.subscribe(to: key) { calls.add() }
            defer { subscription.cancel() }
            try await changeThrice(key) { change, make in
                let before = calls.count
                _ = try await make()
                try require(
                    try await wait { calls.count > before },
                    "\(change) woke nobody within \(subject.wakeLimit)."
                )
            }
            try await requireAbsent(key, "After the removal")
        }
    }

    func wakesComeOnceTheChangeIsVisible() async throws {
        guard let waking = store as? any WakingIdempotencyStore else { return }
        let key = try key()
        let sightings = Sightings()
        let subscription = try await waking.subscribe(to: key) { sightings.look(at: key, in: waking) }
        defer { subscription.cancel() }
        try await changeThrice(key) { change, make in
            let before = sightings.absences
            let version = try await make()
            let isSeen = try await wait {
                if case .remove = change { return sightings.absences > before }
                return sightings.latest >= version.rawValue
            }
            try require(
                isSeen,
                "nobody who was woken by \(change) found it within \(subject.wakeLimit)."
            )
        }
    }

    func cancelledSubscriptionsAreQuiet() async throws {
        guard let waking = store as? any WakingIdempotencyStore else { return }
        let key = try key()
        let cancelled = Calls()
        let kept = Calls()
        let subscription = try await waking.subscribe(to: key) { cancelled.add() }
        let other = try await waking.subscribe(to: key) { kept.add() }
        defer { other.cancel() }
        subscription.cancel()
        subscription.cancel()
        let before = cancelled.count
        try await write(claim(), key, "a claim")
        try require(try await wait { kept.count > 0 }, "a change woke nobody within \(subject.wakeLimit).")
        try require(cancelled.count == before, "a cancelled subscription was called.")
    }

    func wakesComeUnderNoLock() async throws {
        guard let waking = store as? any WakingIdempotencyStore else { return }
        let (key, store, change) = (try key(), store, RecordChange.write(claim()))
        let (cancelled, written) = (Calls(), Calls())
        let sightings = Sightings()
        let held = Mutex<(any StoreSubscription)?>(nil)
        let subscription = try await waking.subscribe(to: key) {
            sightings.look(at: key, in: store)
            held.withLock { $0 }?.cancel()
            cancelled.add()
        }
        held.withLock { $0 = subscription }
        // Not awaited: where it hangs, the check does not.
        Task {
            if case .stored = try await store.checkAndSet(key, expecting: nil, change) { written.add() }
        }
        let isThrough = try await wait { cancelled.count > 0 && written.count > 0 && sightings.latest > 0 }
        try require(isThrough, "a subscription that is cancelled while it is called hung for \(subject.wakeLimit).")
    }

    private final class Calls: Sendable {
        private let number = Atomic(0)
        var count: Int { number.load(ordering: .sequentiallyConsistent) }
        func add() { number.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    }

    /// What is found by loads that wake-ups begin.
    private final class Sightings: Sendable {
        private let version = Atomic<UInt64>(0)
        private let nothing = Atomic(0)
        var latest: UInt64 { version.load(ordering: .sequentiallyConsistent) }
        var absences: Int { nothing.load(ordering: .sequentiallyConsistent) }

        func look(at key: IdempotencyKey, in store: any IdempotencyStore) {
            Task {
                if let found = try await store.load(key) {
                    version.max(found.version.rawValue, ordering: .sequentiallyConsistent)
                } else {
                    nothing.wrappingAdd(1, ordering: .sequentiallyConsistent)
                }
            }
        }
    }
}
