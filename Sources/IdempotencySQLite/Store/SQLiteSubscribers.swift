#if SQLite
internal import Idempotency
import Synchronization

/// Who wants to be woken when a key's record changes.
@available(Idempotency 0.1, *)
final class SQLiteSubscribers: Sendable {
    private struct State {
        var wakes: [IdempotencyKey: [UInt64: @Sendable () -> Void]] = [:]
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())

    var isEmpty: Bool { state.withLock { $0.wakes.isEmpty } }

    func add(_ key: IdempotencyKey, _ wake: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            state.wakes[key, default: [:]][state.lastID] = wake
            return state.lastID
        }
    }

    func remove(_ key: IdempotencyKey, _ id: UInt64) {
        state.withLock { state in
            state.wakes[key]?[id] = nil
            if state.wakes[key]?.isEmpty == true { state.wakes[key] = nil }
        }
    }

    /// Wakes whoever waits for one of these keys.
    func wake(_ keys: [IdempotencyKey]) {
        let wakes = state.withLock { state -> [@Sendable () -> Void] in
            if state.wakes.isEmpty { return [] }
            return keys.flatMap { state.wakes[$0].map { Array($0.values) } ?? [] }
        }
        for wake in wakes { wake() }
    }

    /// Wakes everybody: another process has changed something.
    func wakeAll() {
        let wakes = state.withLock { state in state.wakes.values.flatMap { Array($0.values) } }
        for wake in wakes { wake() }
    }
}
#endif
