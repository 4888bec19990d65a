import Idempotency
import Synchronization

/// Counts from many tasks, and lets a test wait for a count.
@available(Idempotency 0.1, *)
public final class Counter: Sendable {
    private struct State {
        var value = 0
        var waiting: [(least: Int, continuation: UnsafeContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// Begins at zero.
    public init() {}

    /// The count.
    public var value: Int { state.withLock { $0.value } }

    /// Counts one more. Returns how much that makes.
    @discardableResult
    public func add() -> Int {
        let (value, reached) = state.withLock { state in
            state.value += 1
            let value = state.value
            let reached = state.waiting.filter { $0.least <= value }
            state.waiting.removeAll { $0.least <= value }
            return (value, reached)
        }
        for waiter in reached { waiter.continuation.resume() }
        return value
    }

    /// Returns once so much was counted.
    public func wait(for least: Int) async {
        await withUnsafeContinuation { continuation in
            let isReached = state.withLock { state in
                if state.value < least { state.waiting.append((least, continuation)) }
                return state.value >= least
            }
            if isReached { continuation.resume() }
        }
    }
}
