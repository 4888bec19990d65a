import Synchronization

/// Calls actions at points of time, all with one sleeping task.
@available(Idempotency 0.1, *)
final class Timers: Sendable {
    struct ID: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct State {
        var queue = DeadlineQueue()
        var actions: [ID: @Sendable () -> Void] = [:]
        var count: UInt64 = 0
        /// When the sleeping tasks will look again; few, as one is added only for an earlier time than all others.
        var sleepers: [Nanoseconds] = []
    }

    private let runtime: IdempotencyRuntime
    private let state = Mutex(State())

    init(_ runtime: IdempotencyRuntime) {
        self.runtime = runtime
    }

    /// How many actions are waiting.
    var count: Int { state.withLock { $0.actions.count } }

    /// Calls the action once the clock has reached the deadline, on the runtime's executor.
    func schedule(at deadline: Nanoseconds, _ action: @escaping @Sendable () -> Void) -> ID {
        let (id, earlier) = state.withLock { state in
            state.count += 1
            let id = ID(number: state.count)
            state.actions[id] = action
            state.queue.insert(id.number, at: deadline)
            return (id, Self.rearm(&state))
        }
        if let earlier { sleep(until: earlier) }
        return id
    }

    /// Forgets an action. Harmless when it has been called already.
    func cancel(_ id: ID) {
        state.withLock { state in
            guard state.actions.removeValue(forKey: id) != nil else { return }
            let actions = state.actions
            state.queue.dropStale(live: actions.count) { actions[ID(number: $0)] != nil }
        }
    }

    /// Returns after the span.
    func sleep(for span: Nanoseconds) async {
        let awake = OneShot<Void>()
        _ = schedule(at: runtime.time.now().addingClamped(span)) { awake.fire(()) }
        await awake.value()
    }

    /// The point of time for which another sleeping task is needed, if any.
    private static func rearm(_ state: inout State) -> Nanoseconds? {
        guard let next = state.queue.earliest, next < state.sleepers.min() ?? .max else { return nil }
        state.sleepers.append(next)
        return next
    }

    private func sleep(until deadline: Nanoseconds) {
        // Detached: it sleeps on when the call that happens to start it is over, without its task-local values.
        _ = Task.detached(executorPreference: runtime.executor) {
            await self.runtime.sleep(deadline)
            self.fire(after: deadline)
        }
    }

    private func fire(after deadline: Nanoseconds) {
        let now = runtime.time.now()
        let (due, next) = state.withLock { state in
            if let sleeper = state.sleepers.firstIndex(of: deadline) { state.sleepers.remove(at: sleeper) }
            let due = state.queue.removeAll(until: now).compactMap { state.actions.removeValue(forKey: ID(number: $0)) }
            return (due, Self.rearm(&state))
        }
        if let next { sleep(until: next) }
        for action in due { action() }
    }
}
