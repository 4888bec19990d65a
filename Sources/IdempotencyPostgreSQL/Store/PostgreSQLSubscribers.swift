#if PostgreSQL
internal import Idempotency
import Synchronization

/// Who wants to be woken when a key's record changes.
@available(Idempotency 0.1, *)
final class PostgreSQLSubscribers: Sendable {
    private struct Waiters {
        let reference: String
        var wakes: [UInt64: @Sendable () -> Void] = [:]
    }

    private struct State {
        var waiters: [IdempotencyKey: Waiters] = [:]
        var keys: [String: Set<IdempotencyKey>] = [:]
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())

    var isEmpty: Bool { state.withLock { $0.waiters.isEmpty } }

    var keys: [IdempotencyKey] { state.withLock { Array($0.waiters.keys) } }

    func add(_ key: IdempotencyKey, _ wake: @escaping @Sendable () -> Void) -> UInt64 {
        let reference = key.reference
        return state.withLock { state in
            state.lastID += 1
            state.waiters[key, default: Waiters(reference: reference)].wakes[state.lastID] = wake
            state.keys[reference, default: []].insert(key)
            return state.lastID
        }
    }

    func remove(_ key: IdempotencyKey, _ id: UInt64) {
        state.withLock { state in
            guard var waiters = state.waiters[key] else { return }
            waiters.wakes[id] = nil
            if waiters.wakes.isEmpty {
                state.waiters[key] = nil
                state.keys[waiters.reference]?.remove(key)
                if state.keys[waiters.reference]?.isEmpty == true { state.keys[waiters.reference] = nil }
            } else {
                state.waiters[key] = waiters
            }
        }
    }

    /// Wakes whoever waits for one of these keys.
    func wake(_ keys: [IdempotencyKey]) {
        let wakes = state.withLock { state -> [@Sendable () -> Void] in
            if state.waiters.isEmpty { return [] }
            return keys.flatMap { state.waiters[$0].map { Array($0.wakes.values) } ?? [] }
        }
        for wake in wakes { wake() }
    }

    /// Wakes whoever waits for keys of which another process has told.
    func wake(references: [String]) {
        wake(state.withLock { state in references.flatMap { Array(state.keys[$0] ?? []) } })
    }

    /// Wakes everybody: something may have changed.
    func wakeAll() { wake(keys) }
}
#endif
