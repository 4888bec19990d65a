import Idempotency
import Synchronization

/// Reads what was there before the last write.
final class StaleReplica: IdempotencyStore {
    private let base: ToyStore
    private let last = Mutex<[IdempotencyKey: StoredRecord]>([:])

    init(_ base: ToyStore) { self.base = base }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let current = try await base.load(key)
        return last.withLock { last in
            defer { last[key] = current }
            return last[key] ?? current
        }
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try await base.checkAndSet(key, expecting: expected, change)
    }
}
