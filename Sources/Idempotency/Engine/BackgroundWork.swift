import Synchronization

/// Counts the tasks that go on after their caller was answered, so that a shutdown can wait for them.
@available(Idempotency 0.1, *)
final class BackgroundWork: Sendable {
    private struct State {
        var count = 0
        var idle: [OneShot<Void>] = []
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func begin() {
        state.withLock { $0.count += 1 }
    }

    func end() {
        let idle = state.withLock { state -> [OneShot<Void>] in
            state.count -= 1
            assert(state.count >= 0, "work was ended that had not begun")
            guard state.count == 0 else { return [] }
            defer { state.idle = [] }
            return state.idle
        }
        for signal in idle { signal.fire(()) }
    }

    /// Fires the signal as soon as nothing is under way.
    func whenIdle(_ signal: OneShot<Void>) {
        let isIdle = state.withLock { state in
            if state.count > 0 { state.idle.append(signal) }
            return state.count == 0
        }
        if isIdle { signal.fire(()) }
    }
}
