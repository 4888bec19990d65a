/// Everything that could make two runs of an interceptor differ: its clock, the executor of the tasks it starts by itself,
/// and its source of random identifiers.
///
/// Services use ``system()``. A test hands in a manual clock and an executor of its own, and with them repeats a run
/// exactly.
@available(Idempotency 0.1, *)
public struct IdempotencyRuntime: Sendable {
    let time: MonotonicTime
    /// Returns once the clock has reached a point of time.
    let sleep: @Sendable (_ until: Nanoseconds) async -> Void
    /// Runs timers, renewals and whatever else is not part of a caller's task.
    let executor: any TaskExecutor
    /// Runs handlers that have a task of their own.
    let handlerExecutor: any TaskExecutor
    let random: RandomSource

    /// The system's continuous clock and random source, and a thread for the library's own tasks.
    public static func system() -> IdempotencyRuntime {
        let executor = KeeperExecutor()
        let time = MonotonicTime(ContinuousClock())
        let random = SystemRandomNumberGenerator()
        return IdempotencyRuntime(
            time: time,
            sleep: { until in await executor.sleep(for: max(0, until - time.now())) },
            executor: executor,
            handlerExecutor: globalConcurrentExecutor,
            random: RandomSource(random)
        )
    }

    /// A runtime of the given parts.
    ///
    /// - Parameters:
    ///   - clock: A clock that does not step back. Leases, waits and polls are timed by it.
    ///   - executor: Runs every task that the interceptor starts: timers, renewals, and handlers with a task of their own.
    ///   - random: Where the claimants' random bits come from. Two processes must never have the
    ///     same; interceptors that share a runtime draw from one source.
    public init<C: Clock>(
        clock: C,
        executor: any TaskExecutor,
        random: some RandomNumberGenerator & Sendable
    ) where C.Duration == Duration {
        let time = MonotonicTime(clock)
        self.init(
            time: time,
            sleep: time.sleep,
            executor: executor,
            handlerExecutor: executor,
            random: RandomSource(random)
        )
    }

    private init(
        time: MonotonicTime,
        sleep: @escaping @Sendable (_ until: Nanoseconds) async -> Void,
        executor: any TaskExecutor,
        handlerExecutor: any TaskExecutor,
        random: RandomSource
    ) {
        self.time = time
        self.sleep = sleep
        self.executor = executor
        self.handlerExecutor = handlerExecutor
        self.random = random
    }
}
