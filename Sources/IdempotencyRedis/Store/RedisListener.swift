internal import Idempotency
import Synchronization

/// Hears of changes that other processes make, for as long as somebody waits for one.
///
/// A record that is waited for is marked, so that only changes that somebody waits for are announced. Underneath everybody
/// looks once a second: whatever gets lost costs time, and no wake-up. With a client that cannot listen everybody looks often.
@available(Idempotency 0.1, *)
final class RedisListener: Sendable {
    private struct State {
        var subscription: (any StoreSubscription)?
        var isTicking = false
        var isClosed = false
    }

    private let client: (any RedisSubscribingClient)?
    private let layout: RedisLayout
    private let subscribers: ChangeSubscribers
    private let mark: @Sendable ([IdempotencyKey]) async throws -> Void
    private let state = Mutex(State())

    private static let keysAtOnce = 1000
    /// How many looks without anybody who waits there are before nothing is listened to any more.
    private static let idleTicks = 5

    /// - Parameter mark: Says on the server that somebody waits for these keys.
    init(
        _ client: any RedisClient,
        _ layout: RedisLayout,
        _ subscribers: ChangeSubscribers,
        mark: @escaping @Sendable ([IdempotencyKey]) async throws -> Void
    ) {
        self.client = client as? any RedisSubscribingClient
        self.layout = layout
        self.subscribers = subscribers
        self.mark = mark
    }

    /// Makes sure that changes of a key are heard of from now on.
    func listen(for key: IdempotencyKey) async throws {
        let starts = try state.withLock { state in
            if state.isClosed { throw RedisErrors.closed }
            defer { state.isTicking = true }
            return !state.isTicking
        }
        if starts { Task { [weak self] in await self?.tick() } }
        guard client != nil else { return }
        try await subscribe()
        try await mark([key])
    }

    func close() {
        let subscription = state.withLock { state in
            state.isClosed = true
            defer { state.subscription = nil }
            return state.subscription
        }
        subscription?.cancel()
    }

    private func subscribe() async throws {
        guard let client, state.withLock({ $0.subscription == nil }) else { return }
        let subscribers = subscribers
        let subscription: any StoreSubscription
        do {
            subscription = try await client.subscribe(to: layout.channel) { [weak self] payload in
                if let payload {
                    subscribers.wake(references: [String(decoding: payload, as: UTF8.self)])
                } else {
                    self?.lose()
                }
            }
        } catch {
            throw RedisErrors.error(for: error)
        }
        let surplus = state.withLock { state -> (any StoreSubscription)? in
            if state.isClosed || state.subscription != nil { return subscription }
            state.subscription = subscription
            return nil
        }
        surplus?.cancel()
    }

    /// The connection is lost: something may have changed since.
    private func lose() {
        let subscription = state.withLock { state in
            defer { state.subscription = nil }
            return state.subscription
        }
        subscription?.cancel()
        subscribers.wakeAll()
    }

    private func tick() async {
        var idle = 0
        while idle < Self.idleTicks, !state.withLock({ $0.isClosed }) {
            try? await Task.sleep(for: client == nil ? .milliseconds(25) : .seconds(1))
            idle = subscribers.isEmpty ? idle + 1 : 0
            if idle > 0 { continue }
            if client != nil {
                try? await subscribe()
                // Also a record that was not there yet when somebody began to wait for it.
                let keys = subscribers.keys
                for start in stride(from: 0, to: keys.count, by: Self.keysAtOnce) {
                    try? await mark(Array(keys[start..<min(start + Self.keysAtOnce, keys.count)]))
                }
            }
            subscribers.wakeAll()
        }
        let subscription = state.withLock { state in
            state.isTicking = false
            defer { state.subscription = nil }
            return state.subscription
        }
        subscription?.cancel()
    }
}
