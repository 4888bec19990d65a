import Synchronization

/// Makes, after their callers were answered, the writes that could not be made while they waited.
///
/// One task for all of them, and one question at a time: when the store is away, every call of a busy service leaves
/// something to write, and a task for each would keep asking a store that has enough to do. A result that does not find
/// room is recorded without its value. A write that is not made in time is left to the end of its lease.
@available(Idempotency 0.1, *)
final class LateWriter: Sendable {
    /// What became of an attempt.
    enum Attempt {
        case done
        /// The write that was sent is not there, and may still land.
        case mayLand
        /// The store did not answer.
        case unanswered
    }

    private struct Item {
        let run: Run
        let event: RecordStateMachine.Event
        let byteCount: Int
        let end: Nanoseconds
        var attempts = 0
        var isLastAttempt = false
    }

    private enum Next {
        case attempt(UInt64, Item)
        case wait(until: Nanoseconds, OneShot<Void>)
        case nothing
    }

    private struct State {
        var items: [UInt64: Item] = [:]
        /// How many bytes of results they hold.
        var byteCount = 0
        /// When each is to be tried next.
        var queue = DeadlineQueue()
        var count: UInt64 = 0
        var isAtWork = false
        var isStopping = false
        /// How often the store has not answered, one time after the other; and until when it is left alone for that.
        var failures = 0
        var quietUntil = Nanoseconds.min
        /// Ends the wait for the next attempt.
        var wake: OneShot<Void>?

        mutating func next(_ now: Nanoseconds) -> Next {
            if isStopping, failures >= 3 { return .nothing }
            guard let earliest = queue.earliest else { return .nothing }
            let due = max(earliest, quietUntil)
            if due > now, !isStopping {
                let signal = OneShot<Void>()
                wake = signal
                return .wait(until: due, signal)
            }
            guard let number = queue.removeFirst(), var item = items[number] else { return .nothing }
            item.attempts += 1
            item.isLastAttempt = isStopping
            return .attempt(number, item)
        }

        mutating func add(_ run: Run, _ event: RecordStateMachine.Event, at now: Nanoseconds, until end: Nanoseconds)
            -> Bool
        {
            guard items.count < LateWriter.capacity else { return false }
            let known = run.stored?.record.checkpoints.reduce(0) { $0 + $1.value.byteCount } ?? 0
            var event = event
            if byteCount + known + event.byteCount > LateWriter.byteCapacity { event = event.withoutValue }
            // The steps that are recorded already have to be written again: nothing can be left out of them.
            guard byteCount + known + event.byteCount <= LateWriter.byteCapacity else { return false }
            count += 1
            items[count] = Item(run: run, event: event, byteCount: known + event.byteCount, end: end)
            byteCount += known + event.byteCount
            queue.insert(count, at: now)
            return true
        }

        mutating func remove(_ number: UInt64) {
            if let item = items.removeValue(forKey: number) { byteCount -= item.byteCount }
        }

        /// Returns whether the item is done with.
        mutating func note(_ attempt: Attempt, _ number: UInt64, _ item: Item, _ now: Nanoseconds) -> Bool {
            if case .unanswered = attempt {
                failures += 1
                quietUntil = now.addingClamped(pause(after: failures))
            } else {
                failures = 0
                quietUntil = .min
            }
            if case .done = attempt { return true }
            if item.isLastAttempt || now >= item.end { return true }
            items[number] = item
            queue.insert(number, at: now.addingClamped(pause(after: item.attempts)))
            return false
        }

        /// A tenth of a second, and twice as long each time, up to 5 s.
        private func pause(after attempts: Int) -> Nanoseconds {
            min(100_000_000 << Nanoseconds(min(attempts - 1, 6)), 5_000_000_000)
        }
    }

    static let capacity = 10_000
    static let byteCapacity = 64 << 20

    private let state = Mutex(State())
    private let runtime: IdempotencyRuntime
    private let timers: Timers
    private let background: BackgroundWork

    init(_ runtime: IdempotencyRuntime, timers: Timers, background: BackgroundWork) {
        self.runtime = runtime
        self.timers = timers
        self.background = background
    }

    /// How many bytes of results wait to be recorded.
    var byteCount: Int { state.withLock { $0.byteCount } }

    /// Tries a write until the time is over, once at least. Counts as work under way.
    func write(_ run: Run, _ event: RecordStateMachine.Event, until end: Nanoseconds, by engine: Engine) {
        background.begin()
        let now = runtime.time.now()
        let (hasRoom, starts, wake) = state.withLock { state -> (Bool, Bool, OneShot<Void>?) in
            guard state.add(run, event, at: now, until: end) else { return (false, false, nil) }
            defer {
                state.isAtWork = true
                state.wake = nil
            }
            return (true, !state.isAtWork, state.wake)
        }
        if !hasRoom { background.end() }
        // Whoever waits looks when it is time for the new one; the others are asked for no earlier than before.
        wake?.fire(())
        guard starts else { return }
        // Detached: it outlives the call that happens to start it, and is not to carry its task-local values along.
        _ = Task.detached(executorPreference: runtime.executor) { await self.work(for: engine) }
    }

    /// Tries everything once more, and then no more.
    func stop() {
        let wake = state.withLock { state in
            state.isStopping = true
            state.failures = 0
            defer { state.wake = nil }
            return state.wake
        }
        wake?.fire(())
    }

    private func work(for engine: Engine) async {
        while true {
            let now = runtime.time.now()
            let (next, given) = state.withLock { state in
                let next = state.next(now)
                var given = 0
                if case .nothing = next {
                    // What is left was to be given up.
                    given = state.items.count
                    state.items = [:]
                    state.byteCount = 0
                    state.queue = DeadlineQueue()
                    state.isAtWork = false
                }
                return (next, given)
            }
            switch next {
            case .nothing:
                for _ in 0..<given { background.end() }
                return
            case .wait(let due, let signal):
                let timer = timers.schedule(at: due) { signal.fire(()) }
                await signal.value()
                timers.cancel(timer)
            case .attempt(let number, let item):
                let attempt = await engine.writeLate(item.run, item.event)
                let now = runtime.time.now()
                let isDone = state.withLock { state in
                    let isDone = state.note(attempt, number, item, now)
                    if isDone { state.remove(number) }
                    return isDone
                }
                if isDone { background.end() }
            }
        }
    }
}
