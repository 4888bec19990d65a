internal import Idempotency

/// A record in its place. A class, so that a write changes it where it is; only ever touched under its shard's lock.
@available(Idempotency 0.1, *)
final class Entry {
    let key: IdempotencyKey
    /// The next entry of the same chain in the table.
    var next: Entry?
    var record: IdempotencyRecord
    var version: UInt64
    var writtenAt: Nanoseconds
    /// Where it stands in the table.
    let hash: UInt32
    /// Where it stands in the expiry queue; -1: not in it.
    var queueIndex: Int32 = -1

    init(key: IdempotencyKey, record: IdempotencyRecord, version: UInt64, writtenAt: Nanoseconds) {
        self.key = key
        self.record = record
        self.version = version
        self.writtenAt = writtenAt
        hash = EntryTable.hash(of: key)
    }

    /// How long the write's lease or retention is.
    private var span: Nanoseconds { record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds }

    /// When a pending record's lease, or a finished record's retention, is over.
    private var until: Nanoseconds { writtenAt.addingClamped(span) }

    /// When it is forgotten; the end of time: never by itself.
    var expiry: Nanoseconds {
        guard record.isPending else { return until }
        return until.addingClamped(record.retentionNanoseconds)
    }

    /// How long ago it was written.
    func age(_ now: Nanoseconds) -> Nanoseconds {
        max(0, now.addingClamped(-writtenAt))
    }

    func stored(_ now: Nanoseconds) -> StoredRecord {
        StoredRecord(
            version: RecordVersion(rawValue: version),
            record: record,
            // Not more than was asked for, although the time of a reading call may be older than that of the write.
            remainingNanoseconds: min(until.addingClamped(-now), span)
        )
    }
}
