import Idempotency
import Synchronization

/// Counts the calls to a store.
final class CountingStore: IdempotencyStore {
    private let base: any IdempotencyStore
    private let calls = Atomic(0)

    init(_ base: any IdempotencyStore) { self.base = base }

    var count: Int { calls.load(ordering: .relaxed) }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        calls.wrappingAdd(1, ordering: .relaxed)
        return try await base.load(key)
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        calls.wrappingAdd(1, ordering: .relaxed)
        return try await base.checkAndSet(key, expecting: expected, change)
    }
}
