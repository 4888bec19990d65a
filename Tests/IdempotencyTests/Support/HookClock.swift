import Idempotency
import IdempotencyTesting

/// A manual clock at whose readings something happens.
struct HookClock: Clock {
    let base: ManualClock
    /// Called before a reading.
    var before: @Sendable () -> Void = {}
    /// Called after a reading, which is returned nevertheless.
    var after: @Sendable () -> Void = {}

    var now: ManualClock.Instant {
        before()
        defer { after() }
        return base.now
    }

    var minimumResolution: Duration { base.minimumResolution }

    func sleep(until deadline: ManualClock.Instant, tolerance: Duration?) async throws {
        try await base.sleep(until: deadline, tolerance: tolerance)
    }
}
