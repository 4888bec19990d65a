internal import Idempotency
import Synchronization

/// A clock that moves when a test moves it, and on which a test can wait for sleepers instead of sleeping itself.
///
/// ```swift
/// let clock = ManualClock()
/// let store = InMemoryIdempotencyStore(clock: clock)
/// clock.advance(by: .seconds(31))
/// ```
@available(Idempotency 0.1, *)
public final class ManualClock: Clock, Sendable {
    /// A point of time on a manual clock.
    public struct Instant: InstantProtocol {
        /// The time since the clock's origin.
        public var offset: Duration

        /// The point of time that much later.
        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }

        /// How much later another point of time is.
        public func duration(to other: Instant) -> Duration { other.offset - offset }

        /// Whether the left point of time is before the right one.
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Waiting {
        let deadline: Duration
        let continuation: UnsafeContinuation<Void, Never>
    }

    private struct State {
        var now: Duration
        var sleepers: [Waiting] = []
        var watchers: [Waiting] = []
    }

    private let state: Mutex<State>

    /// Makes a clock.
    ///
    /// - Parameter now: The time since its origin that it shows at first.
    public init(now: Duration = .seconds(1000)) {
        state = Mutex(State(now: now))
    }

    /// What it shows.
    public var now: Instant { Instant(offset: state.withLock { $0.now }) }

    /// A nanosecond.
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// How many tasks are asleep on it.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Returns once the clock has been moved to the deadline. Cancellation does not wake it.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        await withUnsafeContinuation { continuation in
            let (isOver, told) = state.withLock { state -> (Bool, [Waiting]) in
                guard deadline.offset > state.now else { return (true, []) }
                state.sleepers.append(Waiting(deadline: deadline.offset, continuation: continuation))
                let told = state.watchers.filter { deadline.offset <= $0.deadline }
                state.watchers.removeAll { deadline.offset <= $0.deadline }
                return (false, told)
            }
            if isOver { continuation.resume() }
            for watcher in told { watcher.continuation.resume() }
        }
    }

    /// Moves the clock, and wakes whoever's time has come.
    ///
    /// - Parameter duration: How far; not negative.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "Time does not pass backwards; to correct the clock, use step(by:).")
        move(by: duration)
    }

    /// Sets the clock to another time, as the correction of a server's clock does.
    ///
    /// For a store that has the clock to itself: an interceptor's must not step back.
    ///
    /// - Parameter duration: How far; negative: back. Sleepers wake when the clock shows their deadline.
    public func step(by duration: Duration) { move(by: duration) }

    private func move(by duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            let due = state.sleepers.filter { $0.deadline <= state.now }.sorted { $0.deadline < $1.deadline }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Moves the clock to where the next sleeper wakes.
    ///
    /// - Returns: Whether somebody slept.
    public func advanceToNextSleeper() -> Bool {
        let next = state.withLock { state in state.sleepers.map(\.deadline).min().map { $0 - state.now } }
        guard let next else { return false }
        advance(by: next)
        return true
    }

    /// Returns once somebody sleeps who will wake within the span from now.
    public func waitForSleeper(within span: Duration) async {
        await withUnsafeContinuation { continuation in
            let isThere = state.withLock { state in
                let limit = state.now + span
                if state.sleepers.contains(where: { $0.deadline <= limit }) { return true }
                state.watchers.append(Waiting(deadline: limit, continuation: continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
