internal import Idempotency

/// The records of a shard. Pure but for the room that it shares: no clock, no lock, no callback.
@available(Idempotency 0.1, *)
struct ShardState {
    enum Result {
        case stored(RecordVersion)
        case conflict(StoredRecord?)
        case full
    }

    struct Answer {
        var result: Result
        /// To be called after unlocking.
        var wakes: [@Sendable () -> Void] = []
    }

    private let room: Room
    private var entries: [IdempotencyKey: Entry] = [:]
    private var queue = ExpiryQueue()
    private var lastVersion: UInt64
    private var subscribers: [IdempotencyKey: [UInt64: @Sendable () -> Void]] = [:]
    private var lastSubscription: UInt64 = 0

    init(room: Room, lastVersion: UInt64) {
        self.room = room
        self.lastVersion = lastVersion
    }

    /// How many entries the table has room for without growing: what a test of its shrinking looks at.
    var tableCapacity: Int { entries.capacity }

    mutating func load(_ key: IdempotencyKey, _ now: Nanoseconds) -> StoredRecord? {
        sweep(now, atMost: 2)
        guard let entry = entries[key], entry.expiry > now else { return nil }
        return entry.stored(now)
    }

    mutating func checkAndSet(
        _ key: IdempotencyKey,
        _ expected: RecordVersion?,
        _ change: RecordChange,
        _ now: Nanoseconds
    ) -> Answer {
        // Two out for each one in: the table shrinks while it is used.
        sweep(now, atMost: 2)
        var entry = entries[key]
        if let expired = entry, expired.expiry <= now {
            remove(expired)
            entry = nil
        }
        guard entry?.version == expected?.rawValue else { return Answer(result: .conflict(entry?.stored(now))) }
        if entry == nil, case .write = change, !room.take() { return Answer(result: .full) }
        lastVersion += 1
        switch change {
        case .write(let record):
            let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
            let until = now.addingClamped(span)
            if let entry {
                entry.record = record
                entry.version = lastVersion
                entry.until = until
                queue.update(entry)
            } else {
                let entry = Entry(key: key, record: record, version: lastVersion, until: until)
                entries[key] = entry
                queue.update(entry)
            }
        case .remove:
            if let entry { remove(entry) }
        }
        let answer = Result.stored(RecordVersion(rawValue: lastVersion))
        guard !subscribers.isEmpty, let waiting = subscribers[key] else { return Answer(result: answer) }
        return Answer(result: answer, wakes: Array(waiting.values))
    }

    /// Forgets what is expired, the earliest first.
    mutating func sweep(_ now: Nanoseconds, atMost limit: Int) {
        var left = limit
        while left > 0, let (expiry, entry) = queue.first, expiry <= now {
            remove(entry)
            left -= 1
        }
    }

    private mutating func remove(_ entry: Entry) {
        queue.remove(entry)
        entries[entry.key] = nil
        room.giveBack()
        // A dictionary does not shrink by itself.
        if entries.capacity > 64, entries.count < entries.capacity / 4 {
            var smaller = [IdempotencyKey: Entry](minimumCapacity: entries.count)
            for (key, entry) in entries { smaller[key] = entry }
            entries = smaller
        }
    }

    mutating func subscribe(to key: IdempotencyKey, _ wake: @escaping @Sendable () -> Void) -> UInt64 {
        lastSubscription += 1
        subscribers[key, default: [:]][lastSubscription] = wake
        return lastSubscription
    }

    mutating func unsubscribe(_ key: IdempotencyKey, _ id: UInt64) {
        subscribers[key]?[id] = nil
        if subscribers[key]?.isEmpty == true { subscribers[key] = nil }
    }
}
