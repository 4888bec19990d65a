import Idempotency
import IdempotencyInMemory
import Synchronization

/// A thousand duplicates of one key at once, with a handler of 20 ms.
struct HotKey {
    func run() async throws {
        var times: [Double] = []
        var operations: [Double] = []
        for _ in 0..<5 {
            let store = CountingStore(InMemoryIdempotencyStore())
            let interceptor = IdempotencyInterceptor(store: store)
            let key = try IdempotencyKey(operation: "charge", value: "hot")
            let runs = Runs()
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        let bytes = try await interceptor.idempotent(key: key) { _ -> [UInt8] in
                            runs.add()
                            try await Task.sleep(for: .milliseconds(20))
                            return [1, 2, 3]
                        }
                        precondition(bytes == [1, 2, 3])
                    }
                }
                try await group.waitForAll()
            }
            times.append(seconds(start.duration(to: .now)) * 1000)
            precondition(runs.count == 1, "a hot key ran \(runs.count) times")
            operations.append(Double(store.count))
        }
        report("hot key, 1000 duplicates, store operations", median(operations), "operations")
        report("hot key, 1000 duplicates, 20 ms handler", median(times), "ms")
    }

    private final class Runs: Sendable {
        private let runs = Atomic(0)
        var count: Int { runs.load(ordering: .relaxed) }
        func add() { runs.wrappingAdd(1, ordering: .relaxed) }
    }
}
