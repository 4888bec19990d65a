import Testing

@testable import Idempotency
@testable import IdempotencyInMemory

@Suite("The in-memory store is bounded")
struct InMemoryCapacityTests {
    private let clock = SteppingClock()

    private func isFull(_ store: InMemoryIdempotencyStore, _ number: Int) async throws -> Bool {
        do {
            return try await store.write(.claim(), to: .numbered(number)) == nil
        } catch let error as IdempotencyError {
            #expect(error.code == .capacityExceeded)
            return true
        }
    }

    @Test("Past its capacity a new key is refused with an error that says what to do, and nothing is evicted")
    func full() async throws {
        let store = InMemoryIdempotencyStore(clock: clock, capacity: 3)
        var versions: [RecordVersion?] = []
        for number in 0..<3 { versions.append(try await store.write(.claim(), to: .numbered(number))) }
        for number in 3..<200 {
            let error = await #expect(throws: IdempotencyError.self) {
                try await store.write(.claim(), to: .numbered(number))
            }
            #expect(error?.code == .capacityExceeded)
            #expect(error?.message.hasPrefix("The in-memory store holds 3 unexpired records, its capacity.") == true)
            #expect(error?.message.contains("raise the capacity") == true)
            #expect(try await store.load(.numbered(number)) == nil)
        }
        #expect(store.count == 3)
        for number in 0..<3 {
            #expect(try await store.load(.numbered(number))?.version == versions[number])
        }
    }

    @Test("A full store still renews, finishes, answers and removes what it holds")
    func fullStillWorks() async throws {
        let store = InMemoryIdempotencyStore(clock: clock, capacity: 1)
        let key = IdempotencyKey.numbered(0)
        let claim = try #require(try await store.write(.claim(), to: key))
        #expect(try await isFull(store, 1))
        let renewal = try #require(try await store.write(.claim(), to: key, expecting: claim))
        let finish = try #require(try await store.write(.finished(), to: key, expecting: renewal))
        #expect(try await store.conflict(key, expecting: nil, .write(.claim())) != .none)
        #expect(try await store.remove(key, expecting: finish) != nil)
        #expect(try await isFull(store, 1) == false)
    }

    @Test("A removal or an expectation in a full store needs no room")
    func noRoomNeeded() async throws {
        let store = InMemoryIdempotencyStore(clock: clock, capacity: 1)
        _ = try await store.write(.claim(), to: .numbered(0))
        let other = IdempotencyKey.numbered(1)
        #expect(try await store.remove(other, expecting: nil) != nil)
        #expect(
            try await store.conflict(other, expecting: RecordVersion(rawValue: 1), .write(.claim())) == .some(nil)
        )
        #expect(store.count == 1)
    }

    @Test("Expired records make room at once, in whichever shard they are; live and lapsed claims never do")
    func expiredMakeRoom() async throws {
        let store = InMemoryIdempotencyStore(clock: clock, capacity: 100)
        for number in 0..<100 {
            let record: IdempotencyRecord = number < 40 ? .finished() : number < 70 ? .claim(.refuse) : .claim(.rerun)
            _ = try await store.write(record, to: .numbered(number))
        }
        clock.advance(by: .seconds(59))
        #expect(try await isFull(store, 1000))
        // The 40 results are over; the claims, lapsed by now, are not.
        clock.advance(by: .seconds(1))
        var taken = 0
        while try await !isFull(store, 2000 + taken) { taken += 1 }
        #expect(taken == 40)
        for number in 40..<100 { #expect(try await store.load(.numbered(number)) != nil) }
        // The abandoned claims under `.rerun`, and the 40 new ones, which lapse and are abandoned as well.
        clock.advance(by: .seconds(130))
        taken = 0
        while try await !isFull(store, 3000 + taken) { taken += 1 }
        #expect(taken == 70)
        for number in 40..<70 { #expect(try await store.load(.numbered(number)) != nil) }
    }

    @Test("A capacity below one counts as one", arguments: [0, -5])
    func least(_ capacity: Int) async throws {
        let store = InMemoryIdempotencyStore(clock: clock, capacity: capacity)
        #expect(try await isFull(store, 0) == false)
        #expect(try await isFull(store, 1))
    }

    @Test("64 tasks that flood the store with fresh keys fill it to its capacity exactly")
    func flood() async throws {
        let store = InMemoryIdempotencyStore(clock: clock, capacity: 1000)
        let stored = await withTaskGroup(of: Int.self) { group in
            for task in 0..<64 {
                group.addTask {
                    var stored = 0
                    for number in 0..<100 {
                        if (try? await store.write(.claim(), to: .numbered(task * 100 + number))) != nil { stored += 1 }
                    }
                    return stored
                }
            }
            return await group.reduce(0, +)
        }
        #expect(stored == 1000)
        #expect(store.count == 1000)
        var there = 0
        for number in 0..<6400 where try await store.load(.numbered(number)) != nil { there += 1 }
        #expect(there == 1000)
    }

    private func tableCapacity(_ store: InMemoryIdempotencyStore) -> Int {
        store.shards.reduce(0) { sum, shard in sum + shard.withState { $0.tableCapacity } }
    }

    @Test("Expiry gives memory back: the calls that come after sweep, and the tables shrink")
    func shrinking() async throws {
        let store = InMemoryIdempotencyStore(clock: clock)
        for number in 0..<10_000 { _ = try await store.write(.finished(), to: .numbered(number)) }
        let grown = tableCapacity(store)
        #expect(store.count == 10_000 && grown >= 10_000)
        clock.advance(by: .seconds(60))
        // No task runs for it: other keys' calls take two expired records each with them.
        for number in 0..<10_000 { _ = try await store.load(.numbered(100_000 + number)) }
        #expect(store.count == 0)
        #expect(tableCapacity(store) <= 64 * 64)
    }

    @Test("Under a steady stream of keys the store holds what is alive, and little more")
    func steadyState() async throws {
        let store = InMemoryIdempotencyStore(clock: clock)
        var most = 0
        for number in 0..<20_000 {
            // 1,000 keys a minute, each kept for a minute.
            clock.advance(by: .milliseconds(60))
            _ = try await store.write(.finished(), to: .numbered(number))
            most = max(most, store.count)
        }
        #expect(most >= 1000 && most < 1500, "up to \(most) records were held")
        #expect(tableCapacity(store) < 8192)
    }

    @Test("Removed records give memory back too")
    func removal() async throws {
        let store = InMemoryIdempotencyStore(clock: clock)
        var versions: [RecordVersion?] = []
        for number in 0..<10_000 { versions.append(try await store.write(.claim(), to: .numbered(number))) }
        for number in (0..<10_000).reversed() {
            _ = try await store.remove(.numbered(number), expecting: versions[number])
        }
        #expect(store.count == 0)
        #expect(tableCapacity(store) <= 64 * 64)
    }
}
