import Testing

@testable import Idempotency
@testable import IdempotencyInMemory

@Suite("The in-memory store's check-and-set")
struct InMemoryCheckAndSetTests {
    private let clock = SteppingClock()
    private let store: InMemoryIdempotencyStore
    private let key = IdempotencyKey.numbered(1)

    init() {
        store = InMemoryIdempotencyStore(clock: clock)
    }

    @Test("A write that expects nothing is stored where nothing is, and comes back whole")
    func create() async throws {
        #expect(try await store.load(key) == nil)
        let version = try #require(try await store.write(.claim(), to: key))
        let stored = try #require(try await store.load(key))
        #expect(stored == StoredRecord(version: version, record: .claim(), remaining: .seconds(30)))
        #expect(store.count == 1)
    }

    @Test("A lost check changes nothing and answers with what is there, by the clock")
    func conflict() async throws {
        let version = try #require(try await store.write(.claim(by: .first), to: key))
        clock.advance(by: .seconds(12))
        let there = StoredRecord(version: version, record: .claim(by: .first), remaining: .seconds(18))
        for expected in [
            nil, RecordVersion(rawValue: version.rawValue - 1), RecordVersion(rawValue: version.rawValue + 1),
        ] {
            #expect(try await store.conflict(key, expecting: expected, .write(.claim(by: .second))) == .some(there))
            #expect(try await store.conflict(key, expecting: expected, .remove) == .some(there))
        }
        #expect(try await store.load(key) == there)
    }

    @Test("A write on the expected version replaces the record and stamps it anew")
    func replace() async throws {
        let claim = try #require(try await store.write(.claim(), to: key))
        clock.advance(by: .seconds(29))
        let renewal = try #require(try await store.write(.claim(), to: key, expecting: claim))
        #expect(renewal > claim)
        #expect(try await store.load(key)?.remaining == .seconds(30))
        let finish = try #require(try await store.write(.finished([7]), to: key, expecting: renewal))
        let stored = try #require(try await store.load(key))
        #expect(stored == StoredRecord(version: finish, record: .finished([7]), remaining: .seconds(60)))
        #expect(store.count == 1)
    }

    @Test("A removal on the expected version leaves nothing")
    func remove() async throws {
        let claim = try #require(try await store.write(.claim(), to: key))
        let removal = try #require(try await store.remove(key, expecting: claim))
        #expect(removal > claim)
        #expect(try await store.load(key) == nil)
        #expect(store.count == 0)
    }

    @Test(
        "An expectation of a version never creates a record: not where nothing was, nor where it was removed or expired"
    )
    func neverCreates() async throws {
        let version = RecordVersion(rawValue: 5)
        #expect(try await store.conflict(key, expecting: version, .write(.finished())) == .some(nil))
        let claim = try #require(try await store.write(.claim(), to: key))
        _ = try await store.remove(key, expecting: claim)
        #expect(try await store.conflict(key, expecting: claim, .write(.finished())) == .some(nil))
        let finish = try #require(try await store.write(.finished(), to: key))
        clock.advance(by: .seconds(60))
        #expect(try await store.conflict(key, expecting: finish, .write(.finished())) == .some(nil))
        #expect(try await store.conflict(key, expecting: finish, .remove) == .some(nil))
        let abandoned = try #require(try await store.write(.claim(), to: key))
        clock.advance(by: .seconds(130))
        #expect(try await store.conflict(key, expecting: abandoned, .write(.claim())) == .some(nil))
        #expect(try await store.load(key) == nil)
        #expect(store.count == 0)
    }

    @Test("Versions of a key strictly grow across writes, removal, expiry and abandonment")
    func versions() async throws {
        var versions: [RecordVersion] = []
        for _ in 0..<50 {
            let claim = try #require(try await store.write(.claim(), to: key))
            let renewal = try #require(try await store.write(.claim(), to: key, expecting: claim))
            let finish = try #require(try await store.write(.finished(), to: key, expecting: renewal))
            clock.advance(by: .seconds(60))
            let second = try #require(try await store.write(.claim(), to: key))
            let removal = try #require(try await store.remove(key, expecting: second))
            let third = try #require(try await store.write(.claim(), to: key))
            clock.advance(by: .seconds(130))
            versions += [claim, renewal, finish, second, removal, third]
        }
        #expect(zip(versions, versions.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test(
        "The first version is the one asked for, and never zero",
        arguments: [(0, 1), (1, 1), (1000, 1000)] as [(UInt64, UInt64)]
    )
    func firstVersion(_ asked: UInt64, _ given: UInt64) async throws {
        let store = InMemoryIdempotencyStore(clock: clock, firstVersion: RecordVersion(rawValue: asked))
        for number in 0..<200 {
            let version = try #require(try await store.write(.claim(), to: .numbered(number)))
            #expect(version.rawValue >= given && version.rawValue < given + 200)
        }
        let fresh = InMemoryIdempotencyStore(clock: clock, firstVersion: RecordVersion(rawValue: asked))
        #expect(try await fresh.write(.claim(), to: key)?.rawValue == given)
    }

    @Test("Without one, versions start at the system's clock in microseconds, so that they grow across a restart")
    func restart() async throws {
        let before = UInt64(WallClock.now().nanoseconds / 1000)
        let restarted = InMemoryIdempotencyStore(clock: clock)
        let after = UInt64(WallClock.now().nanoseconds / 1000)
        let version = try #require(try await restarted.write(.claim(), to: key))
        #expect(version.rawValue >= before && version.rawValue <= after)
    }

    @Test("Keys of one value in two scopes, and of values equal only to Swift, hit only themselves")
    func separation() async throws {
        let keys = [
            try IdempotencyKey(operation: "charge", value: "é"),
            try IdempotencyKey(operation: "charge", value: "e\u{301}"),
            try IdempotencyKey(operation: "refund", value: "é"),
            try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "a"), value: "é"),
            try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "b"), value: "é"),
            try IdempotencyKey(scope: IdempotencyScope("charge", principal: "a"), value: "é"),
        ]
        for (index, key) in keys.enumerated() {
            #expect(try await store.write(.finished([UInt8(index)]), to: key) != nil)
        }
        for (index, key) in keys.enumerated() {
            #expect(try await store.load(key)?.record == .finished([UInt8(index)]))
        }
    }
}
