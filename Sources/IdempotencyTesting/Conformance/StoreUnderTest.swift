public import Idempotency

/// A store as the conformance checks see it, with what they need beside it.
///
/// Each check makes keys of its own, so that one database serves all of them, one after the other or at once. Two powers
/// need a store that nobody else uses meanwhile, a fresh one for each check: ``stepClock`` and ``capacity``.
///
/// On a server's clock time passes by itself; then the checks run one after the other:
///
/// ```swift
/// @Test(.serialized, arguments: StoreConformanceCheck.allCases)
/// func conforms(_ check: StoreConformanceCheck) async throws {
///     try await StoreConformanceCheck.withGrowingTick { tick in
///         let store = try await MyStore.connect()
///         try await check.run(on: StoreUnderTest(store, tick: tick) { try await Task.sleep(for: $0) })
///     }
/// }
/// ```
@available(Idempotency 0.1, *)
public struct StoreUnderTest: Sendable {
    /// The store.
    public let store: any IdempotencyStore
    /// The same records through another way: another connection, or another process. By default the same store.
    public let another: any IdempotencyStore
    /// A span that the store's clock can tell apart with certainty, whatever else the machine does. Leases are a few of it.
    public let tick: Duration
    /// How often a race is run.
    public let rounds: Int
    /// After how long a wake-up that has not come counts as lost.
    public let wakeLimit: Duration
    /// How many unexpired records the store takes at most; `nil` where that is not bounded, or not known.
    public let capacity: Int?
    /// Whether expired records go without a purge, as by a server's own time to live, so that a purge need not find them.
    public let sweepsByItself: Bool
    /// How the store is put under load; `nil`: it is not.
    public let load: ConformanceLoad?
    /// Lets time pass on the store's clock: moves a manual one, or waits that long.
    public let advanceTime: @Sendable (Duration) async throws -> Void
    /// Sets the store's clock forward, by years too, or back if the span is negative; `nil` where that cannot be done.
    public let stepClock: (@Sendable (Duration) async throws -> Void)?
    /// Closes the store and opens it again, as after a restart; `nil` where a restart loses everything.
    public let reopen: (@Sendable () async throws -> any IdempotencyStore)?

    /// Says how a store is to be checked.
    ///
    /// - Parameters:
    ///   - store: The store.
    ///   - another: The same records through another way; by default the same store.
    ///   - tick: A span that the store's clock can tell apart with certainty: a second on a manual clock, some hundred
    ///     milliseconds on a server.
    ///   - rounds: How often a race is run, at least once: a thousand times in memory, fewer where each takes a server's
    ///     time.
    ///   - wakeLimit: After how long a wake-up that has not come counts as lost, by the machine's clock. Only a store that
    ///     loses some takes so long. A check looks a hundred times at least, also with a limit of zero.
    ///   - capacity: How many unexpired records the store takes at most; small, as the checks fill it. `nil` where that is
    ///     not bounded.
    ///   - sweepsByItself: Whether expired records go without a purge.
    ///   - load: How the store is put under load, which takes a real clock and some seconds a check; `nil`: it is not.
    ///   - reopen: Closes the store and opens it again; `nil` where a restart loses everything.
    ///   - stepClock: Sets the store's clock forward or back; `nil` where that cannot be done.
    ///   - advanceTime: Lets time pass on the store's clock.
    public init(
        _ store: any IdempotencyStore,
        another: (any IdempotencyStore)? = nil,
        tick: Duration = .seconds(1),
        rounds: Int = 20,
        wakeLimit: Duration = .seconds(30),
        capacity: Int? = nil,
        sweepsByItself: Bool = false,
        load: ConformanceLoad? = nil,
        reopen: (@Sendable () async throws -> any IdempotencyStore)? = nil,
        stepClock: (@Sendable (Duration) async throws -> Void)? = nil,
        advanceTime: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.store = store
        self.another = another ?? store
        self.tick = tick
        self.rounds = max(1, rounds)
        self.wakeLimit = wakeLimit
        self.capacity = capacity
        self.sweepsByItself = sweepsByItself
        self.load = load
        self.reopen = reopen
        self.stepClock = stepClock
        self.advanceTime = advanceTime
    }
}
