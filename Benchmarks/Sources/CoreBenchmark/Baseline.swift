import Idempotency
import Synchronization

/// The raw limit: the same keys and records in a sharded dictionary behind a mutex, and nothing else.
///
/// `checkAndSet` makes the writes that an execution makes: only over the version expected. `write` leaves the check out,
/// to show what it costs.
final class Baseline: Sendable {
    private final class Shard: Sendable {
        let records = Mutex<[IdempotencyKey: StoredRecord]>([:])
    }

    private let shards = (0..<64).map { _ in Shard() }

    private func shard(of key: IdempotencyKey) -> Shard { shards[key.hashValue & 63] }

    func write(_ key: IdempotencyKey, _ record: StoredRecord) {
        shard(of: key).records.withLock { $0[key] = record }
    }

    func checkAndSet(_ key: IdempotencyKey, expecting expected: RecordVersion?, _ record: StoredRecord) -> Bool {
        shard(of: key).records.withLock { records in
            guard records[key]?.version == expected else { return false }
            records[key] = record
            return true
        }
    }

    func read(_ key: IdempotencyKey) -> StoredRecord? {
        shard(of: key).records.withLock { $0[key] }
    }
}

/// Keeps the records that an interceptor writes, so that the baseline can write the same ones.
final class RecordingStore: IdempotencyStore {
    private let base: any IdempotencyStore
    private let kept = Mutex<[IdempotencyRecord]>([])

    init(_ base: any IdempotencyStore) { self.base = base }

    var records: [IdempotencyRecord] { kept.withLock { $0 } }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? { try await base.load(key) }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        if case .write(let record) = change { kept.withLock { $0.append(record) } }
        return try await base.checkAndSet(key, expecting: expected, change)
    }
}
