public import Idempotency

/// A way to a store that gives up on a call after a while, where the store itself never would.
///
/// The protocol asks each store to bound its calls in time; this does it for one that does not, or that a test holds up. The
/// call goes on behind it: whether a change was made, nobody knows.
@available(Idempotency 0.1, *)
public final class TimeLimitedStore: IdempotencyStore {
    /// A call took longer than it may.
    public struct TimedOut: Error, Hashable {
        /// How long a call may take.
        public let limit: Duration
    }

    private let base: any IdempotencyStore
    private let limit: Duration
    private let executor: any TaskExecutor
    private let sleep: @Sendable () async throws -> Void

    /// Bounds a store's calls.
    ///
    /// - Parameters:
    ///   - base: The store.
    ///   - limit: How long a call may take.
    ///   - clock: Times it.
    ///   - executor: Runs the calls and the timers.
    public init<C: Clock>(
        _ base: any IdempotencyStore,
        limit: Duration,
        clock: C = ContinuousClock(),
        executor: any TaskExecutor = globalConcurrentExecutor
    ) where C.Duration == Duration {
        self.base = base
        self.limit = limit
        self.executor = executor
        sleep = { try await clock.sleep(until: clock.now.advanced(by: limit), tolerance: nil) }
    }

    private nonisolated(nonsending) func limited<Value: Sendable>(
        _ call: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let answer = OneShot<Result<Value, any Error>>()
        let (sleep, limit) = (sleep, limit)
        let timer = Task.detached(executorPreference: executor) {
            try await sleep()
            answer.fire(.failure(TimedOut(limit: limit)))
        }
        _ = Task.detached(executorPreference: executor) {
            do {
                answer.fire(.success(try await call()))
            } catch {
                answer.fire(.failure(error))
            }
        }
        let result = await answer.value()
        timer.cancel()
        return try result.get()
    }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    /// - Throws: ``TimedOut``, or what the store throws.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let base = base
        return try await limited { try await base.load(key) }
    }

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The version that must be there; `nil`: nothing, or an expired record.
    ///   - change: What to do.
    /// - Throws: ``TimedOut``, or what the store throws.
    public nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let base = base
        return try await limited { try await base.checkAndSet(key, expecting: expected, change) }
    }
}
