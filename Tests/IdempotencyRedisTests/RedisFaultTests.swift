#if Redis
import Idempotency
import IdempotencyRedis
import ServerHarness
import Testing

@Suite("A Redis server that fails under load", .serialized, .timeLimit(.minutes(10)))
struct RedisFaultTests {
    private var options: HiredisOptions {
        var options = HiredisOptions()
        options.connectTimeout = .seconds(1)
        options.replyTimeout = .seconds(1)
        return options
    }

    private func store(_ address: String) async throws -> (RedisIdempotencyStore, HiredisClient) {
        let client = try HiredisClient(address, options: options)
        return (try await Server.store(client), client)
    }

    /// What was acknowledged is there; and the store serves again.
    private func check(_ load: StoreLoad, _ store: RedisIdempotencyStore) async throws {
        #expect(try await StoreLoad.recover(store), "the store did not recover")
        #expect(load.acknowledged.count >= 100)
        let lost = try await load.lost(in: store)
        #expect(
            lost.isEmpty,
            "\(lost.count) of \(load.acknowledged.count) acknowledged answers are lost: \(lost.prefix(3))"
        )
    }

    @Test("Scenario 33: its connections are ended again and again: nothing acknowledged is lost, and the store goes on")
    func disconnected() async throws {
        // A user of its own, so that nobody else's connections are ended.
        let executioner = try Server.client()
        let user = Server.freshPrefix()
        #expect(try await executioner.ask("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all").text == "OK")
        let (store, client) = try await store(Server.address.replacing("redis://", with: "redis://\(user):secret@"))
        var killed: Int64 = 0
        let load = try await StoreLoad.run(store) {
            while killed < 10 {
                killed += try await executioner.ask("CLIENT", "KILL", "USER", user).integer ?? 0
                try await Task.sleep(for: .milliseconds(60))
            }
        }
        try await check(load, store)
        store.close()
        await client.close()
    }

    @Test("Scenario 33: it is killed and comes back: nothing acknowledged is lost, and the store goes on")
    func crashed() async throws {
        // Each write is flushed before it is acknowledged: on a busy disk the server may hold others back for seconds.
        let server = try OwnServer("--appendfsync", "always")
        let (store, client) = try await store(server.address)
        let load = try await StoreLoad.run(store) {
            for _ in 0..<3 {
                try server.control("crash")
                try await Task.sleep(for: .milliseconds(300))
                let error = await refusal { _ = try await store.load(StoreLoad.key("x")) }
                #expect(error?.code == .storeUnavailable)
                try server.control("resume")
                try await Task.sleep(for: .milliseconds(600))
            }
        }
        #expect(load.failed > 0)
        try await check(load, store)
        store.close()
        await client.close()
    }

    @Test("Scenario 33: it stands still: every call ends, and afterwards the store goes on")
    func paused() async throws {
        let server = try OwnServer()
        let (store, client) = try await store(server.address)
        let load = try await StoreLoad.run(store) {
            try server.control("pause")
            try await Task.sleep(for: .seconds(3))
            let error = await refusal { _ = try await store.load(StoreLoad.key("x")) }
            #expect(error?.code == .storeUnavailable)
            try server.control("continue")
        }
        #expect(load.failed > 0)
        try await check(load, store)
        store.close()
        await client.close()
    }

    @Test("Its scripts are flushed again and again: no call fails")
    func scriptsFlushed() async throws {
        let client = try Server.client()
        let store = try await Server.store(client)
        let other = try Server.client()
        let load = try await StoreLoad.run(store, lease: .seconds(60)) {
            for _ in 0..<200 {
                let reply = try await other.ask("SCRIPT", "FLUSH")
                #expect(reply.text == "OK")
            }
        }
        #expect(load.failed == 0)
        try await check(load, store)
        store.close()
        await client.close()
    }

    @Test("Versions grow across removal, expiry and a crash of the server, however often the key was written")
    func versionsAcrossCrashes() async throws {
        let server = try OwnServer("--appendfsync", "always")
        let (store, client) = try await store(server.address)
        let key = try StoreLoad.key("k")
        var last = RecordVersion(rawValue: 0)
        func note(_ result: CheckAndSetResult) throws {
            guard case .stored(let version) = result else {
                Issue.record("a write was refused")
                return
            }
            #expect(version > last)
            last = version
        }
        for round in 0..<6 {
            try note(try await store.checkAndSet(key, expecting: nil, .write(.claim)))
            for _ in 0..<200 { try note(try await store.checkAndSet(key, expecting: last, .write(.claim))) }
            if round.isMultiple(of: 2) {
                try server.control("crash")
                try server.control("resume")
                #expect(try await StoreLoad.recover(store))
            }
            try note(try await store.checkAndSet(key, expecting: last, .remove))
        }
        store.close()
        await client.close()
    }
}
#endif
