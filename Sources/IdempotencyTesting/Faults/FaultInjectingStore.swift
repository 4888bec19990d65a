public import Idempotency
import Synchronization

/// A way to a store on which chosen calls go wrong.
///
/// ```swift
/// let faulty = FaultInjectingStore(store, clock: clock, executor: executor)
/// faulty.inject(.loseReply, at: 2, of: .checkAndSet)
/// ```
@available(Idempotency 0.1, *)
public final class FaultInjectingStore: IdempotencyStore {
    /// What a store is asked to do.
    public enum Operation: Hashable, Sendable, CaseIterable {
        /// ``/Idempotency/IdempotencyStore/load(_:)``.
        case load
        /// ``/Idempotency/IdempotencyStore/checkAndSet(_:expecting:_:)``.
        case checkAndSet
    }

    private struct Injection {
        var fault: StoreFault
        var lateness: Duration?
    }

    private struct State {
        var calls: [Operation] = []
        var counts: [Operation: Int] = [:]
        var injections: [Operation: [Int: Injection]] = [:]
        var injectionsOfAny: [Int: Injection] = [:]
        var isDown = false
        var cutAt: Int?
        var cutsAfterApplying = false
    }

    private let base: any IdempotencyStore
    private let executor: any TaskExecutor
    private let lateness: Duration
    private let sleep: @Sendable (Duration) async -> Void
    private let state = Mutex(State())

    /// Makes a way to a store without a fault.
    ///
    /// - Parameters:
    ///   - base: The store.
    ///   - clock: Times what comes late.
    ///   - lateness: How late it comes, unless the fault says otherwise.
    ///   - executor: Runs what comes late when its call is over.
    public init<C: Clock>(
        _ base: any IdempotencyStore,
        clock: C = ContinuousClock(),
        lateness: Duration = .milliseconds(50),
        executor: any TaskExecutor = globalConcurrentExecutor
    ) where C.Duration == Duration {
        self.base = base
        self.executor = executor
        self.lateness = lateness
        // In a task of its own, a sleep is not cancelled.
        sleep = { try? await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
    }

    /// Lets a call to come go wrong.
    ///
    /// - Parameters:
    ///   - fault: What goes wrong.
    ///   - number: Which call from now on; the next one is 1.
    ///   - operation: Which operation's calls are counted; `nil`: those of both.
    ///   - lateness: How late it is, for what comes late; `nil`: as late as the way was made for.
    public func inject(
        _ fault: StoreFault,
        at number: Int,
        of operation: Operation? = nil,
        lateness: Duration? = nil
    ) {
        let injection = Injection(fault: fault, lateness: lateness)
        state.withLock { state in
            if let operation {
                state.injections[operation, default: [:]][state.counts[operation, default: 0] + number] = injection
            } else {
                state.injectionsOfAny[state.calls.count + number] = injection
            }
        }
    }

    /// Whether every call fails from now on, as ``StoreFault/failBefore``.
    public var isDown: Bool {
        get { state.withLock { $0.isDown } }
        set { state.withLock { $0.isDown = newValue } }
    }

    /// Cuts the way at a call to come, for good: as if the process died there.
    ///
    /// - Parameters:
    ///   - number: Which call from now on; the next one is 1.
    ///   - afterApplying: Whether that call's change is still made.
    public func cut(at number: Int, afterApplying: Bool) {
        state.withLock { state in
            state.cutAt = state.calls.count + number
            state.cutsAfterApplying = afterApplying
        }
    }

    /// The calls that have come, in their order.
    public var calls: [Operation] { state.withLock { $0.calls } }

    /// How many calls have come.
    ///
    /// - Parameter operation: Which operation's calls are counted; `nil`: those of both.
    public func callCount(of operation: Operation? = nil) -> Int {
        state.withLock { state in operation.map { state.counts[$0, default: 0] } ?? state.calls.count }
    }

    /// Counts a call. Returns what goes wrong with it, and how late it is then.
    private func injection(of operation: Operation) -> (fault: StoreFault?, lateness: Duration) {
        let injection = state.withLock { state -> Injection? in
            state.calls.append(operation)
            state.counts[operation, default: 0] += 1
            if state.isDown { return Injection(fault: .failBefore) }
            if state.calls.count == state.cutAt {
                state.isDown = true
                return Injection(fault: state.cutsAfterApplying ? .loseReply : .failBefore)
            }
            return state.injections[operation]?[state.counts[operation]!] ?? state.injectionsOfAny[state.calls.count]
        }
        return (injection?.fault, injection?.lateness ?? lateness)
    }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    /// - Throws: ``InjectedFault``, or what the store throws.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let (fault, lateness) = injection(of: .load)
        switch fault {
        case .failBefore?: throw InjectedFault(fault: .failBefore)
        case .loseReply?:
            _ = try await base.load(key)
            throw InjectedFault(fault: .loseReply)
        case .applyLate?: throw InjectedFault(fault: .applyLate)
        case .applyTwice?:
            _ = try await base.load(key)
            return try await base.load(key)
        case .delay?:
            let found = try await base.load(key)
            await sleep(lateness)
            return found
        case .delayBefore?:
            await sleep(lateness)
            return try await base.load(key)
        case nil: return try await base.load(key)
        }
    }

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The version that must be there; `nil`: nothing, or an expired record.
    ///   - change: What to do.
    /// - Throws: ``InjectedFault``, or what the store throws.
    public nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let (fault, lateness) = injection(of: .checkAndSet)
        switch fault {
        case .failBefore?: throw InjectedFault(fault: .failBefore)
        case .loseReply?:
            _ = try await base.checkAndSet(key, expecting: expected, change)
            throw InjectedFault(fault: .loseReply)
        case .applyLate?:
            let (base, sleep) = (base, sleep)
            _ = Task.detached(executorPreference: executor) {
                await sleep(lateness)
                _ = try? await base.checkAndSet(key, expecting: expected, change)
            }
            throw InjectedFault(fault: .applyLate)
        case .applyTwice?:
            _ = try await base.checkAndSet(key, expecting: expected, change)
            return try await base.checkAndSet(key, expecting: expected, change)
        case .delay?:
            let result = try await base.checkAndSet(key, expecting: expected, change)
            await sleep(lateness)
            return result
        case .delayBefore?:
            await sleep(lateness)
            return try await base.checkAndSet(key, expecting: expected, change)
        case nil: return try await base.checkAndSet(key, expecting: expected, change)
        }
    }
}
