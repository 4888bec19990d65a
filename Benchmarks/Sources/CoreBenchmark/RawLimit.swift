import Idempotency
import Synchronization

/// The raw limit: the same keys and records in a sharded dictionary behind a mutex, and nothing else.
final class RawLimit: Sendable {
    private final class Shard: Sendable {
        let records = Mutex<[IdempotencyKey: StoredRecord]>([:])
    }

    private let shards = (0..<64).map { _ in Shard() }

    private func shard(of key: IdempotencyKey) -> Shard { shards[key.hashValue & 63] }

    /// Makes the writes of an operation as the engine makes them: each only over the one before.
    func make(_ writes: [StoredRecord], under key: IdempotencyKey) {
        var version: RecordVersion?
        for record in writes {
            precondition(checkAndSet(key, expecting: version, record))
            version = record.version
        }
    }

    private func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ record: StoredRecord
    ) -> Bool {
        shard(of: key).records.withLock { records in
            guard records[key]?.version == expected else { return false }
            records[key] = record
            return true
        }
    }

    /// Makes the writes without a look at what is there: what the checks cost is the difference.
    func makeUnchecked(_ writes: [StoredRecord], under key: IdempotencyKey) {
        for record in writes { shard(of: key).records.withLock { $0[key] = record } }
    }

    func read(_ key: IdempotencyKey) -> StoredRecord? {
        shard(of: key).records.withLock { $0[key] }
    }
}
