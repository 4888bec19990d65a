import Synchronization

/// Hears of changes that other processes make, for as long as somebody waits for one: for stores on servers.
///
/// A key that is waited for is marked, so that nobody pays for telling of what nobody waits for. Underneath everybody looks once
/// a second: whatever gets lost costs time, and no wake-up. Where nothing can be listened to, everybody looks often.
@available(Idempotency 0.1, *)
package final class ChangeListener: Sendable {
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
        var pause: (end: Nanoseconds, error: any Error)?
        var backoff = ReconnectBackoff()
        /// Whether there was a time when changes went unheard, of which nobody has been told.
        var hasGap = false
        var isTicking = false
        var isClosed = false
    }

    private let source: (any ChangeSource)?
    private let subscribers: ChangeSubscribers
    private let closed: IdempotencyError
    private let runtime: IdempotencyRuntime
    private let state = Mutex(State())

    /// How many keys are marked together, at most.
    package static let keysAtOnce = 1000
    /// How long it is from one look to the next, and where nothing can be listened to.
    private static let interval = Duration.seconds(1)
    private static let deafInterval = Duration.milliseconds(25)
    /// How many looks without anybody who waits there are before nothing is listened to any more.
    private static let idleTicks = 5

    /// - Parameters:
    ///   - source: What tells of changes; `nil`: nothing does.
    ///   - subscribers: Who waits. The store wakes them too, at changes of its own.
    ///   - closed: What is thrown after ``close()``.
    ///   - runtime: The clock and the executor of the looks underneath, and the random part of pauses.
    package init(
        _ source: (any ChangeSource)?,
        _ subscribers: ChangeSubscribers,
        closed: IdempotencyError,
        runtime: IdempotencyRuntime = .system()
    ) {
        self.source = source
        self.subscribers = subscribers
        self.closed = closed
        self.runtime = runtime
    }

    /// Adds somebody who waits, until the subscription is cancelled. No change from now on is missed.
    ///
    /// - Parameter reference: By which another process tells of the key; the same for all that wait for it.
    /// - Throws: What the source throws.
    package func subscribe(
        to key: IdempotencyKey,
        reference: String,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        let subscription = subscribers.add(key, reference: reference, onChange)
        do {
            try await listen(for: key)
        } catch {
            subscription.cancel()
            throw error
        }
        return subscription
    }

    /// Listens no more. Who waits is not woken any more, but by the store itself.
    package func close() {
        let session = state.withLock { state in
            state.isClosed = true
            defer { state.current = nil }
            return state.current?.session
        }
        session?.end()
    }

    private func listen(for key: IdempotencyKey) async throws {
        let starts = try state.withLock { state in
            if state.isClosed { throw closed }
            defer { state.isTicking = true }
            return !state.isTicking
        }
        // Detached: it goes on when the call that happens to start it is over, without its task-local values and its priority.
        if starts { _ = Task.detached(executorPreference: runtime.executor) { await self.tick() } }
        guard let source else { return }
        try await begin(with: source)
        try await source.mark([key])
    }

    /// Makes sure that there is a subscription.
    private func begin(with source: any ChangeSource) async throws {
        let beginning = try state.withLock { state in
            if let current = state.current { return current.beginning }
            if state.isClosed { throw closed }
            if let pause = state.pause, pause.end > runtime.time.now() { throw pause.error }
            let session = Session()
            let beginning = Task.detached(executorPreference: runtime.executor) {
                try await self.begin(session, with: source)
            }
            state.current = (session, beginning)
            return beginning
        }
        try await beginning.value
    }

    private func begin(_ session: Session, with source: any ChangeSource) async throws {
        do {
            let subscribers = subscribers
            let subscription = try await source.subscribe { [weak self] reference in
                if let reference { subscribers.wake(reference: reference) } else { self?.lose(session) }
            }
            session.begin(subscription)
            let hadGap = state.withLock { state in
                state.pause = nil
                state.backoff.reset()
                // It may have been lost already.
                guard state.current?.session === session else { return false }
                defer { state.hasGap = false }
                return state.hasGap
            }
            // Something may have changed since the subscription before was lost.
            if hadGap { subscribers.wakeAll() }
        } catch {
            state.withLock { state in
                if state.current?.session === session { state.current = nil }
                let span = state.backoff.fail(runtime.random.next()).nanoseconds
                state.pause = (runtime.time.now().addingClamped(span), error)
                state.hasGap = true
            }
            throw error
        }
    }

    /// The connection is lost: something may have changed since.
    private func lose(_ session: Session) {
        session.end()
        state.withLock { state in
            if state.current?.session === session { state.current = nil }
            state.hasGap = true
        }
        subscribers.wakeAll()
    }

    private func tick() async {
        var idle = 0
        while true {
            let span = source == nil ? Self.deafInterval : Self.interval
            await runtime.sleep(runtime.time.now().addingClamped(span.nanoseconds))
            idle = subscribers.isEmpty ? idle + 1 : 0
            if idle == 0 {
                if let source, (try? await begin(with: source)) != nil { await markAll(at: source) }
                subscribers.wakeAll()
            } else if idle >= Self.idleTicks, isOver() {
                return
            }
            if state.withLock({ $0.isClosed }) { return }
        }
    }

    /// Also a record that was not there yet when somebody began to wait for it.
    private func markAll(at source: any ChangeSource) async {
        let keys = subscribers.keys
        for start in stride(from: 0, to: keys.count, by: Self.keysAtOnce) {
            try? await source.mark(Array(keys[start..<min(start + Self.keysAtOnce, keys.count)]))
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
