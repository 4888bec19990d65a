import Idempotency
import IdempotencyInMemory
import Synchronization

/// Keeps the records that an interceptor writes, so that the raw limit can write the same ones.
final class RecordingStore: IdempotencyStore {
    private let base = InMemoryIdempotencyStore()
    private let kept = Mutex<[IdempotencyRecord]>([])

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? { try await base.load(key) }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        if case .write(let record) = change { kept.withLock { $0.append(record) } }
        return try await base.checkAndSet(key, expecting: expected, change)
    }

    /// The writes of an operation, for each of so many keys; for each there are as many.
    ///
    /// An array for each key: two tasks that counted the references of one would get into each other's way.
    static func writes(
        of count: Int,
        by operation: (IdempotencyInterceptor, Int) async throws -> Void
    ) async throws -> [[StoredRecord]] {
        let store = RecordingStore()
        let interceptor = IdempotencyInterceptor(store: store)
        for index in 0..<count { try await operation(interceptor, index) }
        let records = store.kept.withLock { $0 }
        let each = records.count / count
        return (0..<count).map { index in
            (0..<each).map { number in
                let version = RecordVersion(rawValue: UInt64(number + 1))
                return StoredRecord(version: version, record: records[index * each + number], remaining: .seconds(1))
            }
        }
    }
}
