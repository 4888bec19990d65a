#if Redis
import Idempotency
import IdempotencyRedis
import IdempotencyTesting
import ServerHarness
import TestSupport
import Testing

@Suite("The Redis store", .timeLimit(.minutes(10)))
struct RedisStoreTests {
    @Test(
        "Scenario 32: a request or its reply is lost: the retry finds what its own claim has done, and the handler runs once",
        arguments: [true, false]
    )
    func replyLost(isApplied: Bool) async throws {
        let port = try #require(UInt16(try Server.address.split(separator: ":").last ?? ""))
        let proxy = CuttingProxy(to: port)
        let store = try await Server.store(HiredisClient("redis://127.0.0.1:\(proxy.port)"))
        let key = try StoreLoad.key("cut-here-\(isApplied)")
        let runs = Counter()
        let interceptor = IdempotencyInterceptor(store: store, policy: try OperationPolicy(lease: .seconds(5)))
        proxy.cut(afterRequest: isApplied, at: key.value)
        let answer = try await interceptor.idempotent(key: key) { _ in
            runs.add()
            proxy.cut(afterRequest: isApplied, at: key.value)
            return "A"
        }
        #expect(answer == "A")
        #expect(proxy.cuts == 2)
        let again = try await interceptor.idempotent(key: key) { _ in
            runs.add()
            return "A"
        }
        #expect(again == "A")
        #expect(runs.value == 1)
        store.close()
    }

    @Test("Two stores race for each key: one of them runs it")
    func race() async throws {
        let prefix = Server.freshPrefix()
        let stores = [try await Server.store(prefix: prefix), try await Server.store(prefix: prefix)]
        let interceptors = stores.map { IdempotencyInterceptor(store: $0) }
        let runs = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<32 {
                group.addTask {
                    for number in 0..<200 {
                        let answer = try await interceptors[task % 2].idempotent(key: StoreLoad.key("k-\(number)")) {
                            _ in
                            runs.add()
                            return number
                        }
                        #expect(answer == number)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value == 200)
        for store in stores { store.close() }
    }

    @Test("A write or a removal over a version that is not there any more changes nothing, and says what is there")
    func staleVersion() async throws {
        let store = try await Server.store()
        let key = try StoreLoad.key("k")
        guard case .stored(let old) = try await store.checkAndSet(key, expecting: nil, .write(.claim)),
            case .stored(let new) = try await store.checkAndSet(key, expecting: old, .write(.claim))
        else {
            Issue.record("a claim was refused")
            return
        }
        for change in [RecordChange.write(.claim), .remove] {
            for expected in [nil, old, RecordVersion(rawValue: new.rawValue + 1), RecordVersion(rawValue: .max)] {
                guard case .conflict(let found) = try await store.checkAndSet(key, expecting: expected, change) else {
                    Issue.record("a stale version was accepted")
                    return
                }
                #expect(found?.version == new)
            }
        }
        #expect(try await store.load(key)?.version == new)
        store.close()
    }

    @Test(
        "A record and its expiry are one write: nothing pending is without an end, nothing final without its retention"
    )
    func expiry() async throws {
        let client = try Server.client()
        let prefix = Server.freshPrefix()
        let store = try await Server.store(client, prefix: prefix)
        func timeToLive() async throws -> Int64? {
            guard case .array(let names) = try await client.ask("KEYS", "\(prefix):*/*") else { return nil }
            return try await client.ask("PTTL", names.first?.text ?? "").integer
        }
        let policy = try OperationPolicy(lease: .seconds(10), retention: .seconds(1000))
        let answer = try await IdempotencyInterceptor(store: store, policy: policy).idempotent(key: StoreLoad.key("k"))
        { _ in
            // The lease, and how long an abandoned claim is kept.
            let left = try await timeToLive()
            #expect(left ?? 0 > 10_000)
            return "A"
        }
        #expect(answer == "A")
        let left = try #require(try await timeToLive())
        #expect((990_000...1_000_000).contains(left))
        store.close()
        await client.close()
    }

    @Test("A claim that is never to expire has no expiry, and a renewal of one that has sets it anew")
    func renewal() async throws {
        let client = try Server.client()
        let store = try await Server.store(client, prefix: Server.freshPrefix())
        let key = try StoreLoad.key("k")
        guard case .stored(let version) = try await store.checkAndSet(key, expecting: nil, .write(.claim)) else {
            return
        }
        guard case .array(let names) = try await client.ask("KEYS", "\(store.options.prefix):*/*") else { return }
        #expect(names.count == 1)
        let place = names[0].text ?? ""
        #expect(try await client.ask("PTTL", place).integer == -1)
        #expect(try await client.ask("PEXPIRE", place, "100000").integer == 1)
        guard case .stored = try await store.checkAndSet(key, expecting: version, .write(.claim)) else { return }
        #expect(try await client.ask("PTTL", place).integer == -1)
        store.close()
        await client.close()
    }

    @Test("A source of versions that is lost, or far ahead of the clock, hands out greater versions all the same")
    func versions() async throws {
        let client = try Server.client()
        let store = try await Server.store(client, prefix: Server.freshPrefix())
        let key = try StoreLoad.key("k")
        var last: UInt64 = 0
        func writeAndRemove() async throws {
            for _ in 0..<2 {
                guard case .stored(let version) = try await store.checkAndSet(key, expecting: nil, .write(.claim))
                else {
                    Issue.record("an absent key was not claimed")
                    return
                }
                #expect(version.rawValue > last)
                var renewed = version
                for _ in 0..<100 {
                    guard case .stored(let next) = try await store.checkAndSet(key, expecting: renewed, .write(.claim))
                    else {
                        Issue.record("a claim was not renewed")
                        return
                    }
                    #expect(next > renewed)
                    renewed = next
                }
                guard case .stored(let removed) = try await store.checkAndSet(key, expecting: renewed, .remove) else {
                    Issue.record("a claim was not removed")
                    return
                }
                #expect(removed > renewed)
                last = removed.rawValue
            }
        }
        try await writeAndRemove()
        guard case .array(let names) = try await client.ask("KEYS", "\(store.options.prefix):*:version") else { return }
        let source = try #require(names.first?.text)
        // Versions are not less than the time in microseconds: so they grow where the source is not there any more.
        #expect(try await client.ask("DEL", source).integer == 1)
        try await writeAndRemove()
        // And where the clock was set back an hour, which is the same as a source that is an hour ahead.
        let ahead = last + 3_600_000_000
        #expect(try await client.ask("SET", source, String(ahead)).text == "OK")
        last = ahead
        try await writeAndRemove()
        store.close()
        await client.close()
    }

    @Test("Ten thousand records among as many other keys are listed once each, by page and by owner")
    func listing() async throws {
        let client = try Server.client()
        let store = try await Server.store(client)
        let other = try await Server.store(client)
        let scopes = try (0..<10).map { try IdempotencyScope("op", tenant: "t-\($0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<50 {
                group.addTask {
                    for number in 0..<200 {
                        let key = try IdempotencyKey(scope: scopes[number % 10], value: "\(task)-\(number)")
                        for store in [store, other] {
                            _ = try await store.checkAndSet(key, expecting: nil, .write(.claim))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        for (query, count) in [
            (RecordQuery(), 10_000), (RecordQuery(tenant: "t-3"), 1000), (RecordQuery(states: [.done]), 0),
        ] {
            for limit in [7, 1000, .max] where limit > 7 || count < 10_000 {
                var seen: Set<IdempotencyKey> = []
                var cursor: RecordCursor?
                repeat {
                    let page = try await store.list(query, after: cursor, limit: limit)
                    #expect(page.records.count <= limit &+ 2000 || limit == .max)
                    for record in page.records { #expect(seen.insert(record.key).inserted) }
                    cursor = page.next
                } while cursor != nil
                #expect(seen.count == count)
            }
        }
        store.close()
        other.close()
        await client.close()
    }

    @Test("Restored from a snapshot, a server hands out no version again")
    func versionsAcrossRestore() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address)
        let store = try await RedisIdempotencyStore(client: client)
        let key = try StoreLoad.key("k")
        guard case .stored(let first) = try await store.checkAndSet(key, expecting: nil, .write(.claim)) else { return }
        guard case .array(let names) = try await client.ask("KEYS", "*") else { return }
        var dumps: [([UInt8], [UInt8])] = []
        for case .bytes(let name) in names {
            if case .bytes(let dump) = try await client.send([RedisCommand("DUMP", [name])])[0] {
                dumps.append((name, dump))
            }
        }
        guard case .stored(let second) = try await store.checkAndSet(key, expecting: first, .write(.claim)) else {
            return
        }
        for (name, dump) in dumps {
            _ = try await client.send([RedisCommand("RESTORE", [name, Array("0".utf8), dump, Array("REPLACE".utf8)])])
        }
        guard case .stored(let third) = try await store.checkAndSet(key, expecting: first, .write(.claim)) else {
            return
        }
        #expect(third > second, "\(third) after \(second)")
    }

    @Test("A primary that became a replica answers no reads")
    func demoted() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address)
        let store = try await RedisIdempotencyStore(client: client)
        let key = try StoreLoad.key("k")
        _ = try await store.checkAndSet(key, expecting: nil, .write(.claim))
        #expect(try await client.ask("REPLICAOF", "127.0.0.1", "1").text == "OK")
        await #expect(throws: (any Error).self, "load") { try await store.load(key) }
        await #expect(throws: (any Error).self, "conflict") {
            try await store.checkAndSet(key, expecting: nil, .write(.claim))
        }
        await #expect(throws: (any Error).self, "list") { try await store.list(RecordQuery(), after: nil, limit: 10) }
    }

    private static func slots(_ commands: [RedisCommand]) -> Set<String> {
        Set(
            commands.filter { ["EVAL", "EVALSHA"].contains(String(decoding: $0.arguments[0], as: UTF8.self)) }.map {
                let name = String(decoding: $0.arguments[3], as: UTF8.self)
                return String(name[name.firstIndex(of: "{")!...name.firstIndex(of: "}")!])
            }
        )
    }

    @Test(
        "All keys of a call to the client share a hash slot, as its protocol says: listing, and waiting for several keys"
    )
    func oneSlotACall() async throws {
        let most = Maximum()
        let client = WatchedClient(try Server.client()) { commands in
            let count = Self.slots(commands).count
            most.add(count)
        }
        let store = try await Server.store(client)
        for number in 0..<20 {
            _ = try await store.checkAndSet(StoreLoad.key("k-\(number)"), expecting: nil, .write(.claim))
        }
        #expect(most.value == 1)
        var cursor: RecordCursor?
        repeat { cursor = try await store.list(RecordQuery(), after: cursor, limit: 1000).next } while cursor != nil
        #expect(most.value == 1, "while listing")
        most.reset()
        var subscriptions: [any StoreSubscription] = []
        for number in 0..<20 { subscriptions.append(try await store.subscribe(to: StoreLoad.key("k-\(number)")) {}) }
        try await Task.sleep(for: .milliseconds(1500))
        #expect(most.value == 1, "while waiting")
        for subscription in subscriptions { subscription.cancel() }
        store.close()
    }
}

/// A client that looks at what goes through it.
private final class WatchedClient: RedisSubscribingClient {
    private let client: HiredisClient
    private let onSend: @Sendable ([RedisCommand]) -> Void
    init(_ client: HiredisClient, _ onSend: @escaping @Sendable ([RedisCommand]) -> Void) {
        self.client = client
        self.onSend = onSend
    }
    nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        onSend(commands)
        return try await client.send(commands)
    }
    nonisolated(nonsending) func subscribe(
        to channel: String,
        onMessage: @escaping @Sendable ([UInt8]?) -> Void
    ) async throws -> any StoreSubscription { try await client.subscribe(to: channel, onMessage: onMessage) }
}
#endif
