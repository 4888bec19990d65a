import Idempotency
import Synchronization

/// Keeps events, and lets a test wait for them.
final class EventLog: IdempotencyObserver {
    private struct Watcher {
        let kind: IdempotencyEvent.Kind
        let count: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var events: [IdempotencyEvent] = []
        var watchers: [Watcher] = []

        func count(_ kind: IdempotencyEvent.Kind) -> Int { events.count { $0.kind == kind } }
    }

    private let state = Mutex(State())

    var events: [IdempotencyEvent] { state.withLock { $0.events } }

    func count(_ kind: IdempotencyEvent.Kind) -> Int { state.withLock { $0.count(kind) } }

    func observe(_ event: IdempotencyEvent) {
        let told = state.withLock { state in
            state.events.append(event)
            let count = state.count(event.kind)
            let told = state.watchers.filter { $0.kind == event.kind && $0.count <= count }
            state.watchers.removeAll { $0.kind == event.kind && $0.count <= count }
            return told
        }
        for watcher in told { watcher.continuation.resume() }
    }

    /// Returns once that many events of the kind have been seen.
    func wait(for kind: IdempotencyEvent.Kind, count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.count(kind) >= count { return true }
                state.watchers.append(Watcher(kind: kind, count: count, continuation: continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
