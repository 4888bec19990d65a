import Figures
import Idempotency

/// What is measured of every durable store.
public enum StoreWorkload {
    /// How many tasks call at once.
    public static let tasks = 64

    /// A key as long as a UUID.
    public nonisolated static func key(_ number: Int) throws -> IdempotencyKey {
        try IdempotencyKey(operation: "charge", value: "00000000-0000-4000-8000-\(100_000_000_000 + number)")
    }

    /// Operations a second.
    public nonisolated static func rate(
        _ keys: [IdempotencyKey],
        tasks: Int,
        _ body: @escaping @Sendable (IdempotencyKey) async throws -> Void
    ) async throws -> Double {
        let share = keys.count / tasks
        return 1e9
            / (try await nanoseconds(per: share * tasks) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<tasks {
                        group.addTask { for key in keys[(task * share)..<((task + 1) * share)] { try await body(key) } }
                    }
                    try await group.waitForAll()
                }
            })
    }

    /// Reports the median of the ratios of two rates that were measured in turn.
    public nonisolated static func report(_ name: String, _ ours: [Double], of raw: [Double]) {
        Figures.report(name, median(zip(ours, raw).map { $0 / $1 }), .part)
    }

    /// Reports the rates of transactional mode beside those of the same transactions written by hand.
    ///
    /// - Parameters:
    ///   - name: What the figures are called.
    ///   - perTask: How many keys each task has.
    ///   - first: A number of which the keys' numbers begin; each call needs its own.
    ///   - ours: Runs a key in transactional mode.
    ///   - byHand: Runs a key by hand.
    public nonisolated static func compareTransactions(
        _ name: String,
        perTask: Int,
        first: Int,
        _ ours: @escaping @Sendable (IdempotencyKey) async throws -> Void,
        byHand: @escaping @Sendable (IdempotencyKey) async throws -> Void
    ) async throws {
        for tasks in [Self.tasks, 1] {
            let count = tasks == 1 ? Effort.operations(400) : Effort.operations(perTask) * tasks
            var rates: [Double] = []
            var ratesByHand: [Double] = []
            for round in 0..<Effort.rounds(4) {
                let keys = try (0..<count).map { try key(first + tasks * 10_000_000 + round * 1_000_000 + $0) }
                ratesByHand.append(try await rate(keys, tasks: tasks, byHand))
                rates.append(try await rate(keys, tasks: tasks, ours))
            }
            let name = "\(name), \(tasks == 1 ? "one task" : "\(tasks) tasks")"
            Figures.report(name, median(rates), .perSecond)
            report("\(name), of those by hand", rates, of: ratesByHand)
        }
    }
}
