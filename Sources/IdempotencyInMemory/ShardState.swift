internal import Idempotency

/// The records of a shard. Pure but for the room that it shares: no clock, no lock, no callback.
@available(Idempotency 0.1, *)
struct ShardState {
    /// What became of a change.
    struct Answer {
        /// The new version; `nil`: the check failed, or there was no room.
        var version: RecordVersion?
        var isFull = false
        /// To be called after unlocking.
        var wakes: [@Sendable () -> Void] = []
    }

    private let room: Room
    private var entries = EntryTable()
    private var queue = ExpiryQueue()
    private var lastVersion: UInt64
    private var subscribers: [IdempotencyKey: [UInt64: @Sendable () -> Void]] = [:]
    private var lastSubscription: UInt64 = 0

    init(room: Room, lastVersion: UInt64) {
        self.room = room
        self.lastVersion = lastVersion
    }

    /// How many entries the table has room for without growing: what a test of its shrinking looks at.
    var tableCapacity: Int { max(entries.capacity, queue.capacity) }

    mutating func load(_ key: IdempotencyKey, _ now: Nanoseconds) -> StoredRecord? {
        sweep(now, atMost: 2)
        guard let entry = entries.entry(of: key), entry.expiry > now else { return nil }
        return entry.stored(now)
    }

    /// Writes a record if the version there is the one expected; else says what is there.
    mutating func write(
        _ record: IdempotencyRecord,
        _ key: IdempotencyKey,
        _ expected: RecordVersion?,
        _ now: Nanoseconds,
        found: inout StoredRecord?
    ) -> Answer {
        let entry = current(key, now)
        guard entry?.version == expected?.rawValue else {
            found = entry?.stored(now)
            return Answer()
        }
        if let entry {
            entry.record = record
            entry.writtenAt = now
            entry.version = lastVersion + 1
            queue.update(entry)
        } else {
            guard room.take() else { return Answer(isFull: true) }
            let entry = Entry(key: key, record: record, version: lastVersion + 1, writtenAt: now)
            entries.insert(entry)
            queue.update(entry)
        }
        return changed(key)
    }

    /// Takes away what is there if its version is the one expected; else says what is there.
    mutating func remove(
        _ key: IdempotencyKey,
        _ expected: RecordVersion?,
        _ now: Nanoseconds,
        found: inout StoredRecord?
    ) -> Answer {
        let entry = current(key, now)
        guard entry?.version == expected?.rawValue else {
            found = entry?.stored(now)
            return Answer()
        }
        if let entry { remove(entry) }
        return changed(key)
    }

    /// What is there and not expired.
    private mutating func current(_ key: IdempotencyKey, _ now: Nanoseconds) -> Entry? {
        // Two out for each one in: the table shrinks while it is used.
        sweep(now, atMost: 2)
        guard let entry = entries.entry(of: key) else { return nil }
        if entry.expiry > now { return entry }
        remove(entry)
        return nil
    }

    private mutating func changed(_ key: IdempotencyKey) -> Answer {
        lastVersion += 1
        var answer = Answer(version: RecordVersion(rawValue: lastVersion))
        if !subscribers.isEmpty, let waiting = subscribers[key] { answer.wakes = Array(waiting.values) }
        return answer
    }

    /// Forgets what is expired, the earliest first. Returns how many that were.
    @discardableResult
    mutating func sweep(_ now: Nanoseconds, atMost limit: Int) -> Int {
        var left = limit
        while left > 0, let entry = queue.first(expiredAt: now) {
            remove(entry)
            left -= 1
        }
        return limit - left
    }

    /// The records that are asked for and come after the place given, in the order of their keys' hashes; those of one hash
    /// together.
    func list(_ query: RecordQuery, after place: Int?, limit: Int, _ now: Nanoseconds) -> [ListedRecord] {
        var found: [ListedRecord] = []
        entries.forEach { entry in
            guard entry.expiry > now, place.map({ entry.key.storedHash > $0 }) ?? true else { return }
            let age = Duration.nanoseconds(entry.age(now))
            let listed = ListedRecord(key: entry.key, stored: entry.stored(now), age: age)
            if query.matches(listed) { found.append(listed) }
        }
        found.sort { $0.key.storedHash < $1.key.storedHash }
        guard found.count > limit else { return found }
        let last = found[limit - 1].key.storedHash
        return Array(found.prefix { $0.key.storedHash <= last })
    }

    private mutating func remove(_ entry: Entry) {
        queue.remove(entry)
        entries.remove(entry)
        room.giveBack()
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
