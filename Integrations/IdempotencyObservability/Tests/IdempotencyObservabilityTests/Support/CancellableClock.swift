import IdempotencyTesting

/// A manual clock that is woken by cancellation, as services expect of a clock.
struct CancellableClock: Clock {
    let base = ManualClock()

    var now: ManualClock.Instant { base.now }
    var minimumResolution: Duration { base.minimumResolution }

    func sleep(until deadline: ManualClock.Instant, tolerance: Duration?) async throws {
        let isOver = Gate()
        Task {
            try await base.sleep(until: deadline, tolerance: tolerance)
            isOver.open()
        }
        await withTaskCancellationHandler {
            await isOver.pass()
        } onCancel: {
            isOver.open()
        }
        try Task.checkCancellation()
    }
}
