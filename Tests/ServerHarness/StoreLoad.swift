public import Idempotency
import Synchronization
import TestSupport

/// Many tasks that run keys on a store while something happens to its server, and what came of them.
@available(Idempotency 0.1, *)
public struct StoreLoad: Sendable {
    private final class Tally: Sendable {
        private struct State {
            var load = StoreLoad(acknowledged: [], failed: 0)
            var isOver = false
        }

        private let state = Mutex(State())
        let acknowledgements = Counter()

        var load: StoreLoad { state.withLock { $0.load } }
        var isOver: Bool { state.withLock { $0.isOver } }

        func acknowledge(_ name: String) {
            state.withLock { $0.load.acknowledged.append(name) }
            acknowledgements.add()
        }
        func fail() { state.withLock { $0.load.failed += 1 } }
        func end() { state.withLock { $0.isOver = true } }
    }

    /// The keys whose callers have their answer.
    public private(set) var acknowledged: [String]
    /// How many calls failed.
    public private(set) var failed: Int

    /// Runs fresh keys until something has happened, and for half a second more.
    ///
    /// - Parameters:
    ///   - mark: What all of these keys begin with.
    ///   - lease: The lease of each run.
    ///   - fault: What happens.
    public static func run(
        _ store: any IdempotencyStore,
        mark: String = "k",
        lease: Duration = .milliseconds(500),
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
                            policy: try OperationPolicy(lease: lease)
                        )
                        do {
                            let answer = try await interceptor.idempotent(key: key(name)) { _ in name }
                            tally.acknowledge(answer)
                        } catch {
                            tally.fail()
                            // Calls fail at once while the server is away.
                            try await Task.sleep(for: .milliseconds(5))
                        }
                    }
                }
            }
            await tally.acknowledgements.wait(for: 100)
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

    /// Waits until a store serves again; a minute at least.
    ///
    /// - Returns: Whether it does.
    public static func recover(_ store: any ListableIdempotencyStore) async throws -> Bool {
        try await becomes { await refusal { try await store.check() } == nil }
    }

    /// The key of this name.
    public static func key(_ name: String) throws -> IdempotencyKey {
        try IdempotencyKey(operation: "charge", value: name)
    }
}
