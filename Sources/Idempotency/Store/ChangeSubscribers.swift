import Synchronization

/// Who wants to be woken when a key's record changes.
@available(Idempotency 0.1, *)
package final class ChangeSubscribers: Sendable {
    private struct Waiters {
        let reference: String?
        var wakes: [UInt64: @Sendable () -> Void] = [:]
    }

    private struct State {
        var waiters: [IdempotencyKey: Waiters] = [:]
        var keys: [String: Set<IdempotencyKey>] = [:]
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var isEmpty: Bool { state.withLock { $0.waiters.isEmpty } }

    package var keys: [IdempotencyKey] { state.withLock { Array($0.waiters.keys) } }

    /// Adds somebody who waits, until the subscription is cancelled.
    ///
    /// - Parameter reference: By which another process tells of the key; the same for all that wait for it. `nil`: none does.
    package func add(
        _ key: IdempotencyKey,
        reference: String? = nil,
        _ wake: @escaping @Sendable () -> Void
    ) -> any StoreSubscription {
        let id = state.withLock { state in
            state.lastID += 1
            state.waiters[key, default: Waiters(reference: reference)].wakes[state.lastID] = wake
            if let reference { state.keys[reference, default: []].insert(key) }
            return state.lastID
        }
        return ChangeSubscription(subscribers: self, key: key, id: id)
    }

    fileprivate func remove(_ key: IdempotencyKey, _ id: UInt64) {
        state.withLock { state in
            guard var waiters = state.waiters[key] else { return }
            waiters.wakes[id] = nil
            if waiters.wakes.isEmpty {
                state.waiters[key] = nil
                guard let reference = waiters.reference else { return }
                state.keys[reference]?.remove(key)
                if state.keys[reference]?.isEmpty == true { state.keys[reference] = nil }
            } else {
                state.waiters[key] = waiters
            }
        }
    }

    /// Wakes whoever waits for one of these keys.
    package func wake(_ keys: [IdempotencyKey]) {
        let wakes = state.withLock { state -> [@Sendable () -> Void] in
            if state.waiters.isEmpty { return [] }
            return keys.flatMap { state.waiters[$0].map { Array($0.wakes.values) } ?? [] }
        }
        for wake in wakes { wake() }
    }

    /// Wakes whoever waits for a key of which another process has told.
    package func wake(reference: String) {
        wake(state.withLock { Array($0.keys[reference] ?? []) })
    }

    /// Wakes everybody: something may have changed.
    package func wakeAll() { wake(keys) }
}

@available(Idempotency 0.1, *)
private struct ChangeSubscription: StoreSubscription {
    let subscribers: ChangeSubscribers
    let key: IdempotencyKey
    let id: UInt64

    func cancel() { subscribers.remove(key, id) }
}
