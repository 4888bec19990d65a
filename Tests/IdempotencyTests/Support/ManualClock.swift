import Idempotency
import Synchronization

/// A clock that moves when a test moves it, and on which a test can wait for sleepers instead of sleeping itself.
final class ManualClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Duration.seconds(1000)
        var sleepers: [(deadline: Duration, continuation: UnsafeContinuation<Void, Never>)] = []
        var watchers: [(deadline: Duration, continuation: UnsafeContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var now: Instant { Instant(offset: state.withLock { $0.now }) }
    var minimumResolution: Duration { .nanoseconds(1) }

    var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        await withUnsafeContinuation { continuation in
            let (isOver, watchers) = state.withLock { state -> (Bool, [UnsafeContinuation<Void, Never>]) in
                guard deadline.offset > state.now else { return (true, []) }
                state.sleepers.append((deadline.offset, continuation))
                let told = state.watchers.filter { deadline.offset <= $0.deadline }.map(\.continuation)
                state.watchers.removeAll { deadline.offset <= $0.deadline }
                return (false, told)
            }
            if isOver { continuation.resume() }
            for watcher in watchers { watcher.resume() }
        }
    }

    /// Moves the clock, and wakes whoever's time has come.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            let due = state.sleepers.filter { $0.deadline <= state.now }.sorted { $0.deadline < $1.deadline }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    /// Returns once somebody sleeps who will wake within the span from now.
    func waitForSleeper(within span: Duration) async {
        await withUnsafeContinuation { continuation in
            let isThere = state.withLock { state in
                let limit = state.now + span
                if state.sleepers.contains(where: { $0.deadline <= limit }) { return true }
                state.watchers.append((limit, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
