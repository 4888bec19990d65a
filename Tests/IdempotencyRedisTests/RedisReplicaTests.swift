#if Redis
import Idempotency
import IdempotencyRedis
import ServerHarness
import Synchronization
import TestSupport
import Testing

@Suite("Redis with a replica that is promoted under load", .serialized, .timeLimit(.minutes(10)))
struct RedisReplicaTests {
    /// The versions that were acknowledged, by key.
    private final class Acknowledged: Sendable {
        private let versions = Mutex<[String: RecordVersion]>([:])
        private let unknown = Counter()
        /// Counts the acknowledged claims, and all calls that have ended.
        let (acknowledged, ended) = (Counter(), Counter())

        var all: [String: RecordVersion] { versions.withLock { $0 } }
        var unknowns: Int { unknown.value }

        func add(_ name: String, _ version: RecordVersion) {
            versions.withLock { $0[name] = version }
            acknowledged.add()
            ended.add()
        }
        func addUnknown() {
            unknown.add()
            ended.add()
        }
    }

    /// A primary and its replica, connected.
    private func pair() async throws -> (primary: OwnServer, replica: OwnServer) {
        let primary = try OwnServer()
        let replica = try OwnServer("--replicaof", "127.0.0.1 \(primary.port)")
        let client = try HiredisClient(replica.address)
        let isConnected = try await becomes {
            try await client.ask("INFO", "replication").text?.contains("master_link_status:up") == true
        }
        try #require(isConnected)
        await client.close()
        return (primary, replica)
    }

    /// Claims keys on the primary; in the midst of it the replica is promoted and the primary goes on, as one does that cannot
    /// be reached. Returns how many of the acknowledged claims the new primary has not, and how many there were.
    private func failOver(_ options: RedisStoreOptions) async throws -> (lost: Int, acknowledged: Int, unknown: Int) {
        let (primary, replica) = try await pair()
        let old = try await RedisIdempotencyStore(client: HiredisClient(primary.address), options: options)
        let promotion = try HiredisClient(replica.address)
        let acknowledged = Acknowledged()
        let isOver = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var number = 0
                    while isOver.value == 0 {
                        number += 1
                        let name = "k-\(task)-\(number)"
                        do {
                            let result = try await old.checkAndSet(StoreLoad.key(name), expecting: nil, .write(.claim))
                            if case .stored(let version) = result { acknowledged.add(name, version) }
                        } catch let error as IdempotencyError {
                            #expect(error.code == .storeUnavailable && error.message.contains("not known"), "\(error)")
                            acknowledged.addUnknown()
                        }
                    }
                }
            }
            await acknowledged.acknowledged.wait(for: 500)
            let reply = try await promotion.ask("REPLICAOF", "NO", "ONE")
            #expect(reply.text == "OK")
            // Many more than were under way.
            await acknowledged.ended.wait(for: acknowledged.ended.value + 100)
            isOver.add()
            try await group.waitForAll()
        }
        try primary.control("crash")
        let new = try await RedisIdempotencyStore(client: promotion)
        var lost = 0
        for (name, version) in acknowledged.all {
            let key = try StoreLoad.key(name)
            switch try await new.checkAndSet(key, expecting: nil, .write(.claim)) {
            case .conflict(let found): #expect(found?.version == version)
            case .stored(let later):
                lost += 1
                // Lost, and yet no token is handed out again.
                #expect(later > version, "\(later) after \(version)")
            }
        }
        await promotion.close()
        old.close()
        new.close()
        return (lost, acknowledged.all.count, acknowledged.unknowns)
    }

    @Test("Scenario 34: by default it may lose acknowledged claims, and tokens grow all the same")
    func asynchronous() async throws {
        let (lost, acknowledged, unknown) = try await failOver(RedisStoreOptions())
        print("Redis, failover without WAIT: \(lost) of \(acknowledged) acknowledged claims lost, \(unknown) unknown")
        #expect(lost > 0 && lost < acknowledged)
        #expect(unknown == 0)
    }

    @Test("Scenario 34: with WAIT for its replica it loses none; what was not confirmed was said to be unknown")
    func confirmed() async throws {
        var options = RedisStoreOptions()
        options.replicas = .init(1, timeout: .milliseconds(100))
        let (lost, acknowledged, unknown) = try await failOver(options)
        print("Redis, failover with WAIT 1: \(lost) of \(acknowledged) acknowledged claims lost, \(unknown) unknown")
        #expect(lost == 0)
        #expect(acknowledged > 100)
        #expect(unknown > 0)
    }

    @Test("With WAIT, what is refused costs no confirmation, and scripts may be flushed")
    func confirmedCalls() async throws {
        let (primary, replica) = try await pair()
        let client = try HiredisClient(primary.address)
        var options = RedisStoreOptions()
        options.replicas = .init(1, timeout: .seconds(4))
        let store = try await RedisIdempotencyStore(client: client, options: options)
        #expect(try await client.ask("SCRIPT", "FLUSH").text == "OK")
        let interceptor = IdempotencyInterceptor(store: store)
        let answers = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<2000 {
                group.addTask {
                    try await interceptor.idempotent(key: StoreLoad.key("k-\(number / 2)")) { _ in number / 2 }
                }
            }
            return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(answers.count == 1000 && answers.values.allSatisfy { $0 == 2 })
        try replica.control("crash")
        // Nobody confirms any more: a replay is answered, a new key is not.
        #expect(try await interceptor.idempotent(key: StoreLoad.key("k-1")) { _ in 0 } == 1)
        let error = await refusal {
            _ = try await store.checkAndSet(StoreLoad.key("new"), expecting: nil, .write(.claim))
        }
        #expect(error?.message.contains("0 of 1 replicas") == true, "\(error.map { "\($0)" } ?? "nothing")")
        store.close()
        await client.close()
    }

    @Test("Replicas that are none", arguments: [0, -1])
    func impossible(_ count: Int) async throws {
        var options = RedisStoreOptions()
        options.replicas = .init(count)
        let error = await refusal { [options] in
            _ = try await RedisIdempotencyStore(client: Server.client(), options: options)
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test("After a failover that lost a takeover no version is handed out again, and who lost it changes nothing")
    func versionsAcrossFailover() async throws {
        let (primary, replica) = try await pair()
        let promotion = try HiredisClient(replica.address)
        let old = try await RedisIdempotencyStore(client: HiredisClient(primary.address))
        let key = try StoreLoad.key("k")
        guard case .stored(let first) = try await old.checkAndSet(key, expecting: nil, .write(.claim)) else { return }
        let isReplicated = try await becomes { try await promotion.ask("DBSIZE").integer == 2 }
        try #require(isReplicated)
        // The replica is promoted; what the old primary acknowledges from here on is lost.
        #expect(try await promotion.ask("REPLICAOF", "NO", "ONE").text == "OK")
        guard case .stored(let lost) = try await old.checkAndSet(key, expecting: first, .write(.claim)) else { return }
        try primary.control("crash")
        let new = try await RedisIdempotencyStore(client: promotion)
        guard case .stored(let later) = try await new.checkAndSet(key, expecting: first, .write(.claim)) else { return }
        #expect(later > lost, "\(later) after \(lost)")
        // Whose claim was lost finishes on the new primary: over the other's claim.
        let finish = try await new.checkAndSet(key, expecting: lost, .remove)
        guard case .conflict = finish else {
            Issue.record("the other's claim was removed: \(finish)")
            return
        }
    }

    @Test("With WAIT and no replica each call ends within a bounded time, however many there are")
    func boundedWait() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address, options: .patient)
        var options = RedisStoreOptions()
        options.replicas = .init(1, timeout: .milliseconds(500))
        let store = try await RedisIdempotencyStore(client: client, options: options)
        // While the server stands still, the first calls are under way, and the others wait until their time is over.
        try server.control("pause")
        let begun = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<45_000 {
                group.addTask {
                    begun.add()
                    _ = try? await store.checkAndSet(StoreLoad.key("k-\(number)"), expecting: nil, .write(.claim))
                }
            }
            await begun.wait(for: 45_000)
            // A call's time is over after two seconds.
            try await Task.sleep(for: .seconds(4))
            try server.control("continue")
            try await group.waitForAll()
        }
        let statistics = try #require(try await client.ask("INFO", "commandstats").text)
        let calls = try #require(statistics.firstMatch(of: /cmdstat_wait:calls=([0-9]+)/).flatMap { Int($0.1) })
        // If every call waited for its turn, there would be eleven: 4096 calls share one.
        #expect(calls < 6)
        store.close()
        await client.close()
    }
}
#endif
