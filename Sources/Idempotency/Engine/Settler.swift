import Synchronization

/// Makes, after their callers were answered, the writes that could not be made while they waited.
///
/// One task for all of them: when the store is away, every call of a busy service leaves something to settle, and a task
/// for each would keep asking a store that has enough to do. What does not find room, or is not settled in time, is left
/// to the end of its lease.
@available(Idempotency 0.1, *)
final class Settler: Sendable {
    /// What became of an attempt.
    enum Attempt {
        case settled
        /// Nothing is there yet: the write that was sent may still land.
        case absent
        /// The store did not answer.
        case unanswered
    }

    private struct Item {
        let run: Run
        let event: RecordStateMachine.Event
        let end: Nanoseconds
    }

    private struct State {
        var items: [Item] = []
        var isAtWork = false
        var isStopping = false
        /// Ends the pause between two rounds.
        var wake: OneShot<Void>?
    }

    private static let capacity = 10_000

    private let state = Mutex(State())
    private let runtime: IdempotencyRuntime
    private let timers: Timers
    private let background: BackgroundWork

    init(_ runtime: IdempotencyRuntime, timers: Timers, background: BackgroundWork) {
        self.runtime = runtime
        self.timers = timers
        self.background = background
    }

    /// Tries a write until the time is over. Counts as work under way.
    func settle(_ run: Run, _ event: RecordStateMachine.Event, until end: Nanoseconds, by engine: Engine) {
        background.begin()
        let (hasRoom, starts, wake) = state.withLock { state -> (Bool, Bool, OneShot<Void>?) in
            guard state.items.count < Self.capacity else { return (false, false, nil) }
            state.items.append(Item(run: run, event: event, end: end))
            defer { state.isAtWork = true }
            return (true, !state.isAtWork, state.wake)
        }
        if !hasRoom { background.end() }
        wake?.fire(())
        if starts {
            _ = Task(executorPreference: runtime.executor) { await self.work(for: engine) }
        }
    }

    /// Tries everything once more, and then no more.
    func stop() {
        let wake = state.withLock { state in
            state.isStopping = true
            return state.wake
        }
        wake?.fire(())
    }

    private func work(for engine: Engine) async {
        var pause = Nanoseconds(100_000_000)
        while true {
            let items = state.withLock { state in
                defer { state.items = [] }
                return state.items
            }
            let left = await round(items, engine)
            let wake = OneShot<Void>()
            let isDone = state.withLock { state in
                state.items = (state.isStopping ? [] : left) + state.items
                state.isAtWork = !state.items.isEmpty
                state.wake = state.isAtWork ? wake : nil
                return !state.isAtWork
            }
            let isStopping = state.withLock { $0.isStopping }
            for _ in 0..<(items.count - (isStopping ? 0 : left.count)) { background.end() }
            if isDone { return }
            let timer = timers.schedule(at: runtime.time.now().addingClamped(pause)) { wake.fire(()) }
            await wake.value()
            timers.cancel(timer)
            pause = min(pause * 2, 5_000_000_000)
        }
    }

    /// Tries each once, until the store does not answer. Returns what is still to be settled.
    private func round(_ items: [Item], _ engine: Engine) async -> [Item] {
        var left: [Item] = []
        var answers = true
        for item in items {
            if answers {
                switch await engine.settle(item.run, item.event) {
                case .settled: continue
                case .absent: break
                case .unanswered: answers = false
                }
            }
            if runtime.time.now() < item.end { left.append(item) }
        }
        return left
    }
}
