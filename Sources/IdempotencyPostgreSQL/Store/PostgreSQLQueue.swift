#if PostgreSQL
internal import Idempotency

/// Calls that wait for a connection, and what is under way on one.
@available(Idempotency 0.1, *)
struct PostgreSQLQueue {
    /// Finishes and renewals go first: a lease may be running out meanwhile.
    private var urgent: [PostgreSQLJob] = []
    private var others: [PostgreSQLJob] = []
    /// Which batch a key is in, by its digest. Two batches never wait for each other's rows; keys that share a digest, either.
    private var underWay: [UInt64: (batch: Int, isShared: Bool)] = [:]
    private var lastBatch = 0
    /// Whether the others have their turn, because the last batch had no room for them.
    private var areOthersNext = false

    /// Fewer calls than these are worth no message of their own: a statement costs the server as much as some ten calls in it.
    private static let few = 8
    /// How many bytes share a message, about.
    private static let bytes = 4 << 20
    /// How many of those that wait are looked at for a batch.
    private static let sight = 1024

    var waiting: Int { urgent.count + others.count }

    mutating func append(_ job: PostgreSQLJob) {
        if job.isUrgent { urgent.append(job) } else { others.append(job) }
    }

    /// What goes next: so many keys at most, none that is under way.
    mutating func take(keys limit: Int) -> [PostgreSQLJob] {
        lastBatch += 1
        var batch: [PostgreSQLJob] = []
        var (keys, bytes) = (0, 0)
        let turn = areOthersNext ? [\Self.others, \Self.urgent] : [\Self.urgent, \Self.others]
        areOthersNext = false
        for path in turn {
            // Many of a kind go by themselves, and then the others; and a few do for whom there was no room.
            let isFull = keys == limit || bytes > Self.bytes
            if isFull || batch.count >= Self.few && self[keyPath: path].count >= Self.few {
                areOthersNext = path == \Self.others && !others.isEmpty
                break
            }
            var left: [PostgreSQLJob] = []
            var seen = 0
            for job in self[keyPath: path].prefix(Self.sight) {
                if keys == limit || bytes > Self.bytes { break }
                seen += 1
                if let holder = underWay[job.key.digest] {
                    // One look answers all that ask for a key at once.
                    guard holder.batch == lastBatch, holder.isShared, !job.isUrgent else {
                        left.append(job)
                        continue
                    }
                } else {
                    underWay[job.key.digest] = (lastBatch, !job.isUrgent)
                    keys += 1
                }
                batch.append(job)
                bytes += job.size
            }
            if seen > 0 { self[keyPath: path].replaceSubrange(0..<seen, with: left) }
        }
        return batch
    }

    /// A batch that was taken is answered.
    mutating func finish(_ batch: [PostgreSQLJob]) {
        for job in batch { underWay[job.key.digest] = nil }
    }

    /// All that wait.
    mutating func removeAll() -> [PostgreSQLJob] {
        defer { (urgent, others) = ([], []) }
        return urgent + others
    }
}
#endif
