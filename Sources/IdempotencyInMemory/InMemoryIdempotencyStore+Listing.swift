public import Idempotency

@available(Idempotency 0.1, *)
extension InMemoryIdempotencyStore: ListableIdempotencyStore {
    /// Lists records, a page at a time.
    ///
    /// - Parameters:
    ///   - query: Which records.
    ///   - cursor: Where the page before ended; `nil`: the first page.
    ///   - limit: How many records a page holds, about; at least 1.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidCursor``.
    public nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        var place = try cursor.map { try Place($0, shardCount: shards.count) } ?? Place(shard: 0, hash: nil)
        let limit = max(1, limit)
        var records: [ListedRecord] = []
        while place.shard < shards.count {
            let wanted = limit - records.count
            let hash = place.hash
            let now = now()
            let found = shards[place.shard].withState { $0.list(query, after: hash, limit: wanted, now) }
            records += found
            if found.count >= wanted {
                return RecordPage(
                    records: records,
                    next: Place(shard: place.shard, hash: found.last?.key.storedHash).cursor
                )
            }
            place = Place(shard: place.shard + 1, hash: nil)
        }
        return RecordPage(records: records, next: nil)
    }

    /// Takes away expired records, a shard after the other.
    ///
    /// - Parameter limit: How many at most; at least 1.
    public nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        let limit = max(1, limit)
        var purged = 0
        for shard in shards where purged < limit {
            let now = now()
            purged += shard.withState { $0.sweep(now, atMost: limit - purged) }
        }
        return purged
    }

    /// Passes: it is there as long as its process is.
    @discardableResult
    public nonisolated(nonsending) func check() async throws -> StoreReport {
        StoreReport(product: "memory", role: .embedded, warnings: ["Every record is gone with the process."])
    }

    /// A shard, and the hash of the last key of it that was listed.
    private struct Place {
        var shard: Int
        var hash: Int?

        init(shard: Int, hash: Int?) {
            self.shard = shard
            self.hash = hash
        }

        init(_ cursor: RecordCursor, shardCount: Int) throws(IdempotencyError) {
            let parts = cursor.rawValue.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, let shard = Int(parts[0]), let hash = Int(parts[1]),
                (0..<shardCount).contains(shard)
            else {
                throw IdempotencyError(
                    code: .invalidCursor,
                    message: "The cursor was not handed out by this store; begin again without one."
                )
            }
            self.init(shard: shard, hash: hash)
        }

        var cursor: RecordCursor { RecordCursor(rawValue: "\(shard).\(hash ?? Int.min)") }
    }
}
