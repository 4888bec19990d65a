internal import Idempotency
import Synchronization

/// Hears of changes that other processes make, for as long as somebody waits for one.
///
/// A record that is waited for is marked, so that only changes that somebody waits for are announced. Underneath everybody
/// looks once a second: whatever gets lost costs time, and no wake-up. With a client that cannot listen everybody looks often.
@available(Idempotency 0.1, *)
final class RedisListener: Sendable {
    /// A subscription, from its beginning to its end. Either may come first to be known.
    private final class Session: Sendable {
        private let state = Mutex<(subscription: (any StoreSubscription)?, isOver: Bool)>((nil, false))

        func begin(_ subscription: any StoreSubscription) {
            let isOver = state.withLock { state in
                if !state.isOver { state.subscription = subscription }
                return state.isOver
            }
            if isOver { subscription.cancel() }
        }

        func end() {
            let subscription = state.withLock { state in
                state.isOver = true
                defer { state.subscription = nil }
                return state.subscription
            }
            subscription?.cancel()
        }
    }

    private struct State {
        /// What is listened with, and its beginning, for which all wait that need it.
        var current: (session: Session, beginning: Task<Void, any Error>)?
        /// Until when nothing is listened to, and why.
        var pause: (end: CallDeadline, error: any Error)?
        var backoff = ReconnectBackoff()
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

    /// Makes sure that changes of a key are heard of from now on. Who waits for it is among the subscribers already.
    func listen(for key: IdempotencyKey) async throws {
        let starts = try state.withLock { state in
            if state.isClosed { throw RedisErrors.closed }
            defer { state.isTicking = true }
            return !state.isTicking
        }
        if starts { Task { [weak self] in await self?.tick() } }
        guard let client else { return }
        try await subscribe(with: client)
        try await mark([key])
    }

    func close() {
        let session = state.withLock { state in
            state.isClosed = true
            defer { state.current = nil }
            return state.current?.session
        }
        session?.end()
    }

    private func subscribe(with client: any RedisSubscribingClient) async throws {
        let beginning = try state.withLock { state in
            if let current = state.current { return current.beginning }
            if state.isClosed { throw RedisErrors.closed }
            if let pause = state.pause, !pause.end.isOver { throw pause.error }
            let session = Session()
            let beginning = Task { try await self.begin(session, with: client) }
            state.current = (session, beginning)
            return beginning
        }
        try await beginning.value
    }

    private func begin(_ session: Session, with client: any RedisSubscribingClient) async throws {
        do {
            let subscribers = subscribers
            let subscription = try await client.subscribe(to: layout.channel) { [weak self] payload in
                if let payload {
                    subscribers.wake(references: [String(decoding: payload, as: UTF8.self)])
                } else {
                    self?.lose(session)
                }
            }
            session.begin(subscription)
            state.withLock { state in
                state.pause = nil
                state.backoff.reset()
            }
        } catch {
            let error = RedisErrors.error(for: error)
            state.withLock { state in
                if state.current?.session === session { state.current = nil }
                state.pause = (CallDeadline(in: state.backoff.fail()), error)
            }
            throw error
        }
    }

    /// The connection is lost: something may have changed since.
    private func lose(_ session: Session) {
        session.end()
        state.withLock { state in
            if state.current?.session === session { state.current = nil }
        }
        subscribers.wakeAll()
    }

    private func tick() async {
        var idle = 0
        while true {
            try? await Task.sleep(for: client == nil ? .milliseconds(25) : .seconds(1))
            idle = subscribers.isEmpty ? idle + 1 : 0
            if idle == 0 {
                if let client {
                    try? await subscribe(with: client)
                    await markAll()
                }
                subscribers.wakeAll()
            } else if idle >= Self.idleTicks, isOver() {
                return
            }
            if state.withLock({ $0.isClosed }) { return }
        }
    }

    /// Also a record that was not there yet when somebody began to wait for it.
    private func markAll() async {
        let keys = subscribers.keys
        for start in stride(from: 0, to: keys.count, by: Self.keysAtOnce) {
            try? await mark(Array(keys[start..<min(start + Self.keysAtOnce, keys.count)]))
        }
    }

    /// Listens no more, unless somebody has begun to wait this very moment.
    private func isOver() -> Bool {
        let (isOver, session) = state.withLock { state -> (Bool, Session?) in
            guard subscribers.isEmpty else { return (false, nil) }
            state.isTicking = false
            defer { state.current = nil }
            return (true, state.current?.session)
        }
        session?.end()
        return isOver
    }
}
