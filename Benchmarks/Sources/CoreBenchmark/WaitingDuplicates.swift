import Figures
import Idempotency
import IdempotencyInMemory
import Synchronization

/// How long after a handler's last line the last of its waiting duplicates returns.
///
/// The raw limit is a task that resumes as many others, and writes nothing before.
struct WaitingDuplicates {
    func run() async throws {
        for (name, count, times) in [
            ("one waiting duplicate woken", 1, 200), ("100 waiting duplicates woken", 100, 50),
        ] {
            var pair = Pair(name)
            for _ in 0...Effort.rounds(15) {
                let raw = try await mean(of: Effort.operations(times)) { try await wakeBare(count) }
                pair.add(
                    ours: try await mean(of: Effort.operations(times)) { try await wakeDuplicates(count) },
                    raw: raw
                )
            }
            pair.report()
        }
    }

    /// A wake-up takes one time on one thread and another on two: the mean counts both, a median is one or the other.
    private func mean(of times: Int, _ wake: () async throws -> Double) async throws -> Double {
        var sum = 0.0
        for _ in 0..<times { sum += try await wake() }
        return sum / Double(times)
    }

    private func wakeDuplicates(_ count: Int) async throws -> Double {
        let arrivals = Arrivals()
        let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore(), observer: arrivals)
        let key = try IdempotencyKey(operation: "charge", value: "awaited")
        return try await lastReturn(among: count + 1) {
            var ended: ContinuousClock.Instant?
            _ = try await interceptor.idempotent(key: key) { _ -> [UInt8] in
                await arrivals.reach(count)
                ended = .now
                return [1, 2, 3]
            }
            return ended.map { .ended($0) } ?? .returned(.now)
        }
    }

    private func wakeBare(_ count: Int) async throws -> Double {
        let arrivals = Arrivals()
        let isLed = Atomic(false)
        let sleepers = Mutex<[CheckedContinuation<Void, Never>]>([])
        return try await lastReturn(among: count + 1) {
            if isLed.exchange(true, ordering: .relaxed) {
                await withCheckedContinuation { sleeper in
                    sleepers.withLock { $0.append(sleeper) }
                    arrivals.add()
                }
                return .returned(.now)
            }
            await arrivals.reach(count)
            let ended = ContinuousClock.now
            for sleeper in sleepers.withLock({ $0 }) { sleeper.resume() }
            return .ended(ended)
        }
    }

    private enum End {
        /// The one that the others waited for came to its end.
        case ended(ContinuousClock.Instant)
        /// One that waited returned.
        case returned(ContinuousClock.Instant)
    }

    /// How long after the end the last of the tasks that waited for it returned, in nanoseconds.
    private func lastReturn(
        among count: Int,
        _ task: @escaping @Sendable () async throws -> End
    ) async throws -> Double {
        try await withThrowingTaskGroup(of: End.self) { group in
            for _ in 0..<count { group.addTask { try await task() } }
            var end: ContinuousClock.Instant?
            var last: ContinuousClock.Instant?
            for try await moment in group {
                switch moment {
                case .ended(let now): end = now
                case .returned(let now): last = max(last ?? now, now)
                }
            }
            return seconds(end!.duration(to: last!)) * 1e9
        }
    }

    /// Counts those that have come to wait.
    private final class Arrivals: IdempotencyObserver {
        private let count = Atomic(0)

        func add() { count.wrappingAdd(1, ordering: .releasing) }

        func observe(_ event: IdempotencyEvent) {
            if event.kind == .waiting { add() }
        }

        func reach(_ expected: Int) async {
            while count.load(ordering: .acquiring) < expected { await Task.yield() }
        }
    }
}
