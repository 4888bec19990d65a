import Idempotency
import IdempotencyTesting
import Synchronization

extension ToyStore: WakingIdempotencyStore {
    func wake(_ name: Name, after change: RecordChange) {
        if flaw == .changesWakeSubscribers, case .remove = change { return }
        if flaw == .wakesComeOnceTheChangeIsVisible { return }
        let wakes = state.withLock { state in state.subscribers.values.filter { $0.0 == name }.map(\.1) }
        state.withLock { $0.wakes += 1 }
        for wake in wakes { wake() }
        state.withLock { $0.wakes -= 1 }
    }

    /// Wakes whoever has subscribed, and gives them the time to look before anything has changed.
    func wakeTooEarly(_ name: Name) async {
        let (loads, wakes) = state.withLock { state in
            (state.loads, state.subscribers.values.filter { $0.0 == name }.map(\.1))
        }
        for wake in wakes { wake() }
        guard !wakes.isEmpty else { return }
        await withUnsafeContinuation { continuation in
            let hasLooked = state.withLock { state in
                if state.loads == loads { state.lookers.append(continuation) }
                return state.loads > loads
            }
            if hasLooked { continuation.resume() }
        }
    }

    nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        let name = name(key)
        let number = state.withLock { state in
            state.subscriptions += 1
            state.subscribers[state.subscriptions] = (name, onChange)
            return state.subscriptions
        }
        return Subscription(store: self, number: number)
    }

    private struct Subscription: StoreSubscription {
        let store: ToyStore
        let number: Int

        func cancel() {
            if store.flaw == .cancelledSubscriptionsAreQuiet { return }
            // Waits for the lock under which it is called, without a thread.
            if store.flaw == .wakesComeUnderNoLock {
                store.state.withLock { $0.isStuck = $0.wakes > 0 }
            }
            store.state.withLock { $0.subscribers[number] = nil }
        }
    }
}
