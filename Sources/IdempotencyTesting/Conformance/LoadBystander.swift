internal import Idempotency
import Synchronization

/// Sleeps and wakes beside a load, and notes by how much it woke too late: that is the machine's doing and the executor's.
@available(Idempotency 0.1, *)
final class LoadBystander: Sendable {
    private let state = Mutex((isDone: false, latest: Duration.zero, ends: 0))

    /// By how much the latest waking was too late.
    var latest: Duration { state.withLock { $0.latest } }
    /// Whether the load is to end.
    var isDone: Bool { state.withLock { $0.isDone } }

    /// How many calls of the load were answered or refused, where they are counted.
    var ends: Int { state.withLock { $0.ends } }

    func noteEnd() { state.withLock { $0.ends += 1 } }

    func end() { state.withLock { $0.isDone = true } }

    func look(every span: Duration) async throws {
        while !isDone {
            let began = ContinuousClock.now
            try await Task.sleep(for: span)
            await Task.yield()
            let late = began.duration(to: .now) - span
            state.withLock { $0.latest = max($0.latest, late) }
        }
    }
}
