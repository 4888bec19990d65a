internal import Idempotency
import Synchronization

@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// A call that is awaited, or given up after many ticks of the system's clock.
    private func wait(for isCalled: @Sendable () -> Bool) async throws -> Bool {
        for _ in 0..<1000 {
            if isCalled() { return true }
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
        return isCalled()
    }

    func changesWakeSubscribers() async throws {
        guard let waking = store as? any WakingIdempotencyStore else { return }
        let key = try key()
        let calls = Calls()
        let subscription = try await waking.subscribe(to: key) { calls.add() }
        defer { subscription.cancel() }
        var version: RecordVersion?
        for (number, change) in [RecordChange.write(claim()), .write(finished()), .remove].enumerated() {
            let before = calls.count
            let way = number.isMultiple(of: 2) ? subject.another : store
            guard case .stored(let next) = try await way.checkAndSet(key, expecting: version, change) else {
                throw ConformanceViolation(check: check, message: "change \(number + 1) was not stored.")
            }
            version = next
            try require(try await wait { calls.count > before }, "change \(number + 1) woke nobody within 5 seconds.")
        }
        try await requireAbsent(key, "After the removal")
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
        try require(try await wait { kept.count > 0 }, "a change woke nobody within 5 seconds.")
        try require(cancelled.count == before, "a cancelled subscription was called.")
    }

    private final class Calls: Sendable {
        private let number = Atomic(0)
        var count: Int { number.load(ordering: .sequentiallyConsistent) }
        func add() { number.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    }
}
