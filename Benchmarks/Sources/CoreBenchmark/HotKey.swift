import Figures
import Idempotency
import IdempotencyInMemory
import Synchronization

/// A thousand duplicates of one key at once, with a handler of 20 ms. The raw limit is as many tasks that await another
/// one, which sleeps as long.
struct HotKey {
    private static let count = 1000
    private static let handlerTime = Duration.milliseconds(20)

    func run() async throws {
        let key = try IdempotencyKey(operation: "charge", value: "hot")
        var pair = Pair("hot key, 1000 duplicates, 20 ms handler", .milliseconds)
        var operations: [Double] = []
        for _ in 0...Effort.rounds(5) {
            let sleeper = Task { try await Task.sleep(for: Self.handlerTime) }
            let raw = try await milliseconds { try await sleeper.value }
            let store = CountingStore(InMemoryIdempotencyStore())
            let interceptor = IdempotencyInterceptor(store: store)
            let runs = Atomic(0)
            let ours = try await milliseconds {
                let bytes = try await interceptor.idempotent(key: key) { _ -> [UInt8] in
                    runs.wrappingAdd(1, ordering: .relaxed)
                    try await Task.sleep(for: Self.handlerTime)
                    return [1, 2, 3]
                }
                precondition(bytes == [1, 2, 3])
            }
            precondition(runs.load(ordering: .relaxed) == 1, "a hot key ran more than once")
            pair.add(ours: ours, raw: raw)
            operations.append(Double(store.count))
        }
        pair.report()
        report("hot key, 1000 duplicates, store operations", median(operations), .operations)
    }

    /// The time until all duplicates have returned.
    private func milliseconds(_ duplicate: @escaping @Sendable () async throws -> Void) async throws -> Double {
        try await nanoseconds(per: 1) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<Self.count { group.addTask { try await duplicate() } }
                try await group.waitForAll()
            }
        } / 1e6
    }
}
