import Testing

@testable import Idempotency
@testable import IdempotencyInMemory

@Suite("What the in-memory store forgets, and what never")
struct InMemoryExpiryTests {
    private let clock = SteppingClock()
    private let store: InMemoryIdempotencyStore
    private let key = IdempotencyKey.numbered(1)
    private let millennium = Duration.seconds(40 * 366 * 86400)

    init() {
        store = InMemoryIdempotencyStore(clock: clock)
    }

    /// Everything that a purge could do: a sweep of all shards, to the end.
    private func purge() {
        let now = clock.now.sinceStart.nanoseconds
        for shard in store.shards { _ = shard.withState { $0.sweep(now, atMost: .max) } }
    }

    @Test("A finished record is there until its last nanosecond, and absent from then on, before any sweep")
    func finished() async throws {
        let version = try #require(try await store.write(.finished(), to: key))
        clock.advance(by: .seconds(60) - .nanoseconds(1))
        #expect(try await store.load(key)?.remaining == .nanoseconds(1))
        #expect(try await store.conflict(key, expecting: nil, .write(.claim())) != .none)
        clock.advance(by: .nanoseconds(1))
        #expect(store.count == 1, "swept by a call that was not made")
        #expect(try await store.conflict(key, expecting: version, .write(.finished())) == .some(nil))
        #expect(try await store.write(.claim(), to: key) != nil)
    }

    @Test("An expired record is absent to a load that is the first to come by")
    func expiredLoad() async throws {
        // More expired records than one call sweeps away, the looked-for one the last of them.
        let shard = store.shard(of: key)
        var others = (2...).lazy.map(IdempotencyKey.numbered).filter { store.shard(of: $0) === shard }.makeIterator()
        for _ in 0..<8 { _ = try await store.write(.finished(), to: others.next()!) }
        clock.advance(by: .seconds(1))
        _ = try await store.write(.finished(), to: key)
        clock.advance(by: .seconds(60))
        #expect(try await store.load(key) == nil)
        #expect(store.count > 0, "the record was swept before it was looked at, and nothing is proved")
    }

    @Test("An expired record is absent to a claim that is the first to come by")
    func expiredClaim() async throws {
        let shard = store.shard(of: key)
        var others = (2...).lazy.map(IdempotencyKey.numbered).filter { store.shard(of: $0) === shard }.makeIterator()
        for _ in 0..<8 { _ = try await store.write(.finished(), to: others.next()!) }
        clock.advance(by: .seconds(1))
        let old = try #require(try await store.write(.finished(), to: key))
        clock.advance(by: .seconds(60))
        #expect(try await store.conflict(key, expecting: old, .remove) == .some(nil))
        #expect(try #require(try await store.write(.claim(), to: key)) > old)
        #expect(try await store.load(key)?.record == .claim())
    }

    @Test("A record that never ends is there for ever")
    func endless() async throws {
        _ = try await store.write(.example(.done(.void), retention: .max), to: key)
        clock.advance(by: millennium)
        purge()
        #expect(try await store.load(key)?.record.state == .done(.void))
    }

    @Test(
        "A lapsed claim is not absent: it conflicts with a new one, with nothing left of its lease",
        arguments: [
            LapsePolicy.rerun, .reconcile, .refuse,
        ]
    )
    func lapsed(_ policy: LapsePolicy) async throws {
        let version = try #require(try await store.write(.claim(policy), to: key))
        clock.advance(by: .seconds(30) - .nanoseconds(1))
        #expect(try await store.load(key)?.remaining == .nanoseconds(1))
        clock.advance(by: .nanoseconds(1))
        let lapsed = StoredRecord(version: version, record: .claim(policy), remaining: .zero)
        #expect(try await store.load(key) == lapsed)
        #expect(try await store.conflict(key, expecting: nil, .write(.claim())) == .some(lapsed))
        clock.advance(by: .seconds(50))
        purge()
        #expect(try await store.load(key) == lapsed)
        #expect(try await store.write(.claim(policy, by: .second), to: key, expecting: version) != nil)
    }

    @Test("A lapsed claim under .rerun goes when its retention is over, counted from the end of the lease")
    func abandonment() async throws {
        _ = try await store.write(.claim(.rerun), to: key)
        clock.advance(by: .seconds(130) - .nanoseconds(1))
        purge()
        #expect(try await store.load(key) != nil)
        clock.advance(by: .nanoseconds(1))
        #expect(try await store.load(key) == nil)
        purge()
        #expect(store.count == 0)
    }

    @Test("A lapsed claim under .refuse or .reconcile stays for ever", arguments: [LapsePolicy.reconcile, .refuse])
    func stays(_ policy: LapsePolicy) async throws {
        let version = try #require(try await store.write(.claim(policy), to: key))
        clock.advance(by: millennium)
        purge()
        let lapsed = StoredRecord(version: version, record: .claim(policy), remaining: .zero)
        #expect(try await store.load(key) == lapsed)
        #expect(try await store.conflict(key, expecting: nil, .write(.claim())) == .some(lapsed))
    }

    @Test("A claim with a live lease is never purged, however old it is by its renewals or however long its lease")
    func live() async throws {
        var version = try #require(try await store.write(.claim(), to: key))
        for _ in 0..<1000 {
            clock.advance(by: .seconds(29))
            purge()
            version = try #require(try await store.write(.claim(), to: key, expecting: version))
        }
        #expect(try await store.load(key)?.version == version)
        let long = IdempotencyKey.numbered(2)
        _ = try await store.write(.example(lease: .max, retention: 1), to: long)
        clock.advance(by: millennium)
        purge()
        #expect(try await store.load(long)?.record.isPending == true)
    }

    @Test("A renewal moves the end of a record, and a finish replaces it")
    func moved() async throws {
        let claim = try #require(try await store.write(.claim(), to: key))
        clock.advance(by: .seconds(20))
        let renewal = try #require(try await store.write(.claim(), to: key, expecting: claim))
        clock.advance(by: .seconds(129))
        purge()
        #expect(try await store.load(key)?.version == renewal)
        _ = try await store.write(.finished(), to: key, expecting: renewal)
        clock.advance(by: .seconds(60))
        purge()
        #expect(store.count == 0)
    }

    @Test("Among 2,000 records with random ends, a sweep takes exactly those that are over")
    func sweep() async throws {
        var random = SplitMix64(seed: 3)
        var ends: [Int: Int64] = [:]
        for number in 0..<2000 {
            let end = Int64.random(in: 1...1000, using: &random)
            ends[number] = end
            _ = try await store.write(.example(.done(.void), retention: .seconds(end)), to: .numbered(number))
        }
        // Some are moved or removed, so that the queue is not in the order of the writes.
        for number in stride(from: 0, to: 2000, by: 3) {
            let version = try await store.load(.numbered(number))?.version
            if number.isMultiple(of: 2) {
                _ = try await store.remove(.numbered(number), expecting: version)
                ends[number] = nil
            } else {
                let end = Int64.random(in: 1...1000, using: &random)
                ends[number] = end
                _ = try await store.write(
                    .example(.done(.void), retention: .seconds(end)),
                    to: .numbered(number),
                    expecting: version
                )
            }
        }
        for _ in 0..<20 {
            clock.advance(by: .seconds(50))
            purge()
            let now = clock.now.sinceStart.components.seconds
            #expect(store.count == ends.values.count { $0 > now })
            for number in stride(from: 0, to: 2000, by: 7) {
                let isThere = ends[number].map { $0 > now } ?? false
                #expect((try await store.load(.numbered(number)) != nil) == isThere)
            }
        }
        #expect(store.count == 0)
    }

    @Test("Whatever is written, removed and forgotten, in many and in few keys by turns: as a plain list would have it")
    func model() async throws {
        struct Expected {
            var version: RecordVersion
            var expiry: Duration
        }
        var random = SeededGenerator(seed: 5)
        var expected: [Int: Expected] = [:]
        for phase in 0..<6 {
            for _ in 0..<5000 {
                let number = Int.random(in: 0..<(phase.isMultiple(of: 2) ? 4000 : 60), using: &random)
                if let known = expected[number], known.expiry <= clock.now.sinceStart { expected[number] = nil }
                let version = expected[number]?.version
                if Int.random(in: 0..<4, using: &random) == 0 {
                    #expect(try await store.remove(.numbered(number), expecting: version) != nil)
                    expected[number] = nil
                } else {
                    let span = Nanoseconds.random(in: 1..<1000, using: &random) * 1_000_000
                    let record = IdempotencyRecord.example(.done(.void), retention: span)
                    let next = try await store.write(record, to: .numbered(number), expecting: version)
                    let expiry = clock.now.sinceStart + .nanoseconds(span)
                    expected[number] = Expected(version: try #require(next), expiry: expiry)
                }
                if Bool.random(using: &random) { clock.advance(by: .milliseconds(1)) }
            }
            for number in 0..<4000 {
                let alive = expected[number].flatMap { $0.expiry > clock.now.sinceStart ? $0.version : nil }
                try #require(try await store.load(.numbered(number))?.version == alive)
            }
        }
    }
}
