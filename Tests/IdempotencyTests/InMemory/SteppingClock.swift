import Idempotency
import Synchronization
import Testing

/// A clock that stands until a test sets it. Nobody sleeps on it: it is for what only reads the time.
final class SteppingClock: Clock {
    struct Instant: InstantProtocol {
        var sinceStart: Duration

        func advanced(by duration: Duration) -> Instant { Instant(sinceStart: sinceStart + duration) }
        func duration(to other: Instant) -> Duration { other.sinceStart - sinceStart }
        static func < (left: Instant, right: Instant) -> Bool { left.sinceStart < right.sinceStart }
    }

    private let time = Mutex(Duration.zero)

    var now: Instant { Instant(sinceStart: time.withLock { $0 }) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func advance(by duration: Duration) { time.withLock { $0 += duration } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        Issue.record("somebody sleeps on a clock that nobody moves")
        throw CancellationError()
    }
}
