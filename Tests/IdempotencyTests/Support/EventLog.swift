import Idempotency
import Synchronization

/// Keeps events, and lets a test wait for them.
final class EventLog: IdempotencyObserver {
    private struct State {
        var events: [IdempotencyEvent] = []
        var watchers: [(kind: IdempotencyEvent.Kind, count: Int, continuation: UnsafeContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let reaction: @Sendable (IdempotencyEvent.Kind) -> Void

    init(_ reaction: @escaping @Sendable (IdempotencyEvent.Kind) -> Void = { _ in }) {
        self.reaction = reaction
    }

    var events: [IdempotencyEvent] { state.withLock { $0.events } }

    func count(_ kind: IdempotencyEvent.Kind) -> Int { state.withLock { Self.count(kind, $0.events) } }

    func observe(_ event: IdempotencyEvent) {
        // First, so that whoever waits for the event finds that the reaction is over.
        reaction(event.kind)
        let told = state.withLock { state in
            state.events.append(event)
            let count = Self.count(event.kind, state.events)
            let told = state.watchers.filter { $0.kind == event.kind && $0.count <= count }.map(\.continuation)
            state.watchers.removeAll { $0.kind == event.kind && $0.count <= count }
            return told
        }
        for continuation in told { continuation.resume() }
    }

    /// Returns once that many events of the kind have been seen.
    func wait(for kind: IdempotencyEvent.Kind, count: Int = 1) async {
        await withUnsafeContinuation { continuation in
            let isThere = state.withLock { state in
                if Self.count(kind, state.events) >= count { return true }
                state.watchers.append((kind, count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private static func count(_ kind: IdempotencyEvent.Kind, _ events: [IdempotencyEvent]) -> Int {
        events.count { $0.kind == kind }
    }
}
