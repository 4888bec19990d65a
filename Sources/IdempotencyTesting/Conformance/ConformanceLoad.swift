public import Idempotency

/// How a store is put under load, for the checks of what it has to do in time.
///
/// They need a real clock, some seconds each, and a store that nobody else uses meanwhile. Leases are 25 ticks of
/// ``StoreUnderTest/tick``: five seconds with the standard tick of 200 ms.
///
/// ```swift
/// let load = ConformanceLoad(callLimit: .seconds(5)) { keys, body in
///     try await otherConnection.lock(keys)
///     try await body()
///     try await otherConnection.rollBack()
/// }
/// let subject = StoreUnderTest(store, tick: tick, load: load) { try await Task.sleep(for: $0) }
/// ```
@available(Idempotency 0.1, *)
public struct ConformanceLoad: Sendable {
    /// Holds keys up while the body runs, as by locks of another transaction. The keys have records.
    public typealias HoldUp =
        @Sendable (_ keys: [IdempotencyKey], _ body: @Sendable () async throws -> Void) async throws -> Void

    /// How many calls wait at once at most, each in a task of its own. A flood is ten times what the store answers within a lease,
    /// or this if it is less.
    public let maximumCalls: Int
    /// After how long the store gives up a call that it cannot carry out; `nil`: that is not looked at.
    public let callLimit: Duration?
    /// Holds keys up; `nil` where nothing can.
    public let holdUp: HoldUp?

    /// Says how a store is put under load.
    ///
    /// - Parameters:
    ///   - maximumCalls: How many calls wait at once at most. Where the store answers without waiting for anything, a thousand do.
    ///   - callLimit: After how long the store gives up a call that it cannot carry out.
    ///   - holdUp: Holds keys up while its body runs; `nil` where nothing can.
    public init(maximumCalls: Int = 50_000, callLimit: Duration? = nil, holdUp: HoldUp? = nil) {
        self.maximumCalls = max(64, maximumCalls)
        self.callLimit = callLimit
        self.holdUp = holdUp
    }
}
