#if Redis
import Idempotency

/// A store whose finishes meet their fate: on their way, and when they are done.
struct FatefulFinishes<Base: WakingIdempotencyStore>: WakingIdempotencyStore {
    private let base: Base
    private let fate: Fate

    init(_ base: Base, _ fate: Fate) {
        self.base = base
        self.fate = fate
    }

    func load(_ key: IdempotencyKey) async throws -> StoredRecord? { try await base.load(key) }

    func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        guard case .write(let record) = change, case .done = record.state else {
            return try await base.checkAndSet(key, expecting: expected, change)
        }
        fate.meetSoon(.finishing)
        let result = try await base.checkAndSet(key, expecting: expected, change)
        if case .stored = result { fate.meet(.committed) }
        return result
    }

    func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        try await base.subscribe(to: key, onChange: onChange)
    }
}
#endif
