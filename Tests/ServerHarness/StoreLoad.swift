public import Idempotency
import Synchronization

/// Many tasks that run keys on a store while something happens to its server, and what came of them.
@available(Idempotency 0.1, *)
public struct StoreLoad: Sendable {
    private final class Tally: Sendable {
        private struct State {
            var load = StoreLoad(acknowledged: [], failed: 0, longest: .zero)
            var isOver = false
        }

        private let state = Mutex(State())

        var load: StoreLoad { state.withLock { $0.load } }
        var isOver: Bool { state.withLock { $0.isOver } }

        func acknowledge(_ name: String) { state.withLock { $0.load.acknowledged.append(name) } }
        func fail() { state.withLock { $0.load.failed += 1 } }
        func took(_ span: Duration) { state.withLock { $0.load.longest = max($0.load.longest, span) } }
        func end() { state.withLock { $0.isOver = true } }
    }

    /// The keys whose callers have their answer.
    public private(set) var acknowledged: [String]
    /// How many calls failed.
    public private(set) var failed: Int
    /// How long the longest call took.
    public private(set) var longest: Duration

    /// Runs fresh keys until something has happened, and for half a second more.
    ///
    /// - Parameters:
    ///   - mark: What all of these keys begin with.
    ///   - fault: What happens.
    public static func run(
        _ store: any IdempotencyStore,
        mark: String = "k",
        during fault: () async throws -> Void
    ) async throws -> StoreLoad {
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var number = 0
                    while !tally.isOver {
                        number += 1
                        let name = "\(mark)-\(task)-\(number)"
                        let interceptor = IdempotencyInterceptor(
                            store: store,
                            policy: try OperationPolicy(lease: .milliseconds(500))
                        )
                        let start = ContinuousClock.now
                        do {
                            let answer = try await interceptor.idempotent(key: key(name)) { _ in name }
                            tally.acknowledge(answer)
                        } catch {
                            tally.fail()
                            // Calls fail at once while the server is away.
                            try await Task.sleep(for: .milliseconds(5))
                        }
                        tally.took(start.duration(to: .now))
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(300))
            try await fault()
            try await Task.sleep(for: .milliseconds(500))
            tally.end()
            try await group.waitForAll()
        }
        return tally.load
    }

    /// The acknowledged keys whose answers are not there.
    public func lost(in store: any IdempotencyStore) async throws -> [String] {
        var lost: [String] = []
        for name in acknowledged where try await store.load(Self.key(name))?.state != .done { lost.append(name) }
        return lost
    }

    /// Waits until a store serves again; at most half a minute.
    ///
    /// - Returns: Whether it does.
    public static func recover(_ store: any ListableIdempotencyStore) async throws -> Bool {
        for _ in 0..<600 {
            if await refusal({ try await store.check() }) == nil { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// The key of this name.
    public static func key(_ name: String) throws -> IdempotencyKey {
        try IdempotencyKey(operation: "charge", value: name)
    }
}
