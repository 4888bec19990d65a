public import Idempotency
import Synchronization

/// Keeps records in this process's memory: for unit tests, and for services of one process that may forget on restart.
///
/// - **Atomicity**: a lock for each of its shards.
/// - **Durability**: none; everything is lost with the process. Versions start at the system's clock, so that fencing
///   tokens grow across a restart.
/// - **Bounded**: past its capacity a claim of a new key throws ``/Idempotency/IdempotencyError`` with
///   ``/Idempotency/IdempotencyError/Code/capacityExceeded``. Nothing that is not expired is ever evicted.
/// - **Expiry**: an expired record is absent at once, and its memory is given back, a few records at a time, by the calls
///   that come after. No task has to be run for it.
@available(Idempotency 0.1, *)
public final class InMemoryIdempotencyStore: IdempotencyStore {
    let shards: [Shard]
    private let time: MonotonicTime
    private let room: Room

    /// Makes an empty store on the system's continuous clock.
    ///
    /// - Parameter capacity: How many unexpired records it holds at most; at least 1.
    public convenience init(capacity: Int = 10_000_000) {
        self.init(clock: ContinuousClock(), capacity: capacity)
    }

    /// Makes an empty store on a clock of the caller's.
    ///
    /// - Parameters:
    ///   - clock: Judges leases and retentions. If it steps back, they hold for that much longer.
    ///   - capacity: How many unexpired records it holds at most; at least 1.
    ///   - firstVersion: The least version it gives; by default the system's clock in microseconds since 1970.
    public init<C: Clock>(
        clock: C,
        capacity: Int = 10_000_000,
        firstVersion: RecordVersion? = nil
    ) where C.Duration == Duration {
        let first = firstVersion?.rawValue ?? UInt64(clamping: WallClock.now().nanoseconds / 1000)
        let room = Room(capacity: max(1, capacity))
        self.room = room
        time = MonotonicTime(clock)
        shards = (0..<64).map { _ in Shard(room: room, lastVersion: max(1, first) - 1) }
    }

    /// How many records it holds, expired ones that are not swept yet included.
    public var count: Int { room.count }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let now = time.now()
        return shard(of: key).withState { $0.load(key, now) }
    }

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The version that must be there; `nil`: nothing, or an expired record.
    ///   - change: What to do.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/capacityExceeded`` if it is
    ///   full.
    public nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        var found: StoredRecord?
        let version: RecordVersion? =
            switch change {
            case .write(let record): try write(record, under: key, expecting: expected, found: &found)
            case .remove: remove(key, expecting: expected, found: &found)
            }
        return version.map { .stored($0) } ?? .conflict(found)
    }

    private func remove(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        found: inout StoredRecord?
    ) -> RecordVersion? {
        let now = time.now()
        let answer = shard(of: key).withState { $0.remove(key, expected, now, found: &found) }
        for wake in answer.wakes { wake() }
        return answer.version
    }

    func now() -> Nanoseconds { time.now() }

    func shard(of key: IdempotencyKey) -> Shard {
        shards[key.storedHash & 63]
    }
}

@available(Idempotency 0.1, *)
extension InMemoryIdempotencyStore: ImmediateIdempotencyStore {
    package func write(
        _ record: IdempotencyRecord,
        under key: IdempotencyKey,
        expecting expected: RecordVersion?,
        found: inout StoredRecord?
    ) throws -> RecordVersion? {
        let now = time.now()
        let shard = shard(of: key)
        var answer = shard.withState { $0.write(record, key, expected, now, found: &found) }
        if answer.isFull {
            // Full of what is not expired? Only then is it full.
            for shard in shards { _ = shard.withState { $0.sweep(now, atMost: .max) } }
            answer = shard.withState { $0.write(record, key, expected, now, found: &found) }
            if answer.isFull {
                throw IdempotencyError(
                    code: .capacityExceeded,
                    message:
                        "The in-memory store holds \(room.capacity) unexpired records, its capacity. Nothing was stored; "
                        + "raise the capacity, shorten the retention, or use a store on disk."
                )
            }
        }
        for wake in answer.wakes { wake() }
        return answer.version
    }
}

@available(Idempotency 0.1, *)
extension InMemoryIdempotencyStore: WakingIdempotencyStore {
    /// Asks to be woken at each change of a key's record, by whatever interceptor on this store.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - onChange: Called after each change.
    public nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        let shard = shard(of: key)
        let id = shard.withState { $0.subscribe(to: key, onChange) }
        return InMemorySubscription(shard: shard, key: key, id: id)
    }
}
