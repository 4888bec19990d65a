import Synchronization
import Testing

@testable import Idempotency
@testable import IdempotencyInMemory

@Suite("Wake-ups of the in-memory store")
struct InMemorySubscriptionTests {
    private final class Bell: Sendable {
        private let rings = Mutex(0)
        var count: Int { rings.withLock { $0 } }
        func ring() { rings.withLock { $0 += 1 } }
    }

    private let store = InMemoryIdempotencyStore(clock: SteppingClock())
    private let key = IdempotencyKey.numbered(1)

    @Test("A subscriber is called once after each change: claim, renewal, finish and removal")
    func changes() async throws {
        let bell = Bell()
        let subscription = try await store.subscribe(to: key, onChange: bell.ring)
        #expect(bell.count == 0)
        let claim = try await store.write(.claim(), to: key)
        #expect(bell.count == 1)
        let renewal = try await store.write(.claim(), to: key, expecting: claim)
        #expect(bell.count == 2)
        let finish = try await store.write(.finished(), to: key, expecting: renewal)
        #expect(bell.count == 3)
        _ = try await store.remove(key, expecting: finish)
        #expect(bell.count == 4)
        subscription.cancel()
    }

    @Test("What changes nothing wakes nobody: a load, a lost check, another key")
    func silence() async throws {
        _ = try await store.write(.claim(), to: key)
        let bell = Bell()
        let subscription = try await store.subscribe(to: key, onChange: bell.ring)
        _ = try await store.load(key)
        #expect(try await store.write(.claim(), to: key) == nil)
        for number in 2..<300 { _ = try await store.write(.claim(), to: .numbered(number)) }
        #expect(bell.count == 0)
        subscription.cancel()
    }

    @Test("After its cancellation a subscriber is not called; others are, and cancelling twice harms nobody")
    func cancellation() async throws {
        let (first, second) = (Bell(), Bell())
        let subscription = try await store.subscribe(to: key, onChange: first.ring)
        let other = try await store.subscribe(to: key, onChange: second.ring)
        let claim = try await store.write(.claim(), to: key)
        subscription.cancel()
        subscription.cancel()
        let renewal = try await store.write(.claim(), to: key, expecting: claim)
        #expect(first.count == 1)
        #expect(second.count == 2)
        other.cancel()
        _ = try await store.write(.finished(), to: key, expecting: renewal)
        #expect(second.count == 2)
    }

    @Test("A subscriber sees the change that it is called for, and may call the store")
    func visibility() async throws {
        let shard = store.shard(of: key)
        let key = key
        let seen = Mutex<[StoredRecord?]>([])
        let subscription = try await store.subscribe(to: key) {
            // Under the shard's lock this would never return.
            let found = shard.withState { $0.load(key, 0) }
            seen.withLock { $0.append(found) }
        }
        let version = try #require(try await store.write(.claim(), to: key))
        let stored = StoredRecord(version: version, record: .claim(), remaining: .seconds(30))
        #expect(seen.withLock { $0 } == [stored])
        subscription.cancel()
    }

    @Test("A subscriber may cancel itself while it is called")
    func selfCancellation() async throws {
        let bell = Bell()
        let own = Mutex<(any StoreSubscription)?>(nil)
        let subscription = try await store.subscribe(to: key) {
            bell.ring()
            own.withLock { $0 }?.cancel()
        }
        own.withLock { $0 = subscription }
        let claim = try await store.write(.claim(), to: key)
        _ = try await store.write(.claim(), to: key, expecting: claim)
        #expect(bell.count == 1)
    }

    @Test("64 subscribers of one key are all called")
    func many() async throws {
        let bell = Bell()
        var subscriptions: [any StoreSubscription] = []
        for _ in 0..<64 { subscriptions.append(try await store.subscribe(to: key, onChange: bell.ring)) }
        _ = try await store.write(.claim(), to: key)
        #expect(bell.count == 64)
        for subscription in subscriptions { subscription.cancel() }
    }
}
