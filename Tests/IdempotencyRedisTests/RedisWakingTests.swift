#if Redis
import Idempotency
import IdempotencyRedis
import ServerHarness
import TestSupport
import Testing

@Suite("Who waits for another process's run", .timeLimit(.minutes(10)))
struct RedisWakingTests {
    private func wait(_ what: String, for isSo: () async throws -> Bool) async throws {
        #expect(try await becomes { try await isSo() }, "\(what) did not come")
    }

    @Test("It is told of by one message, and of what nobody waits for none is sent")
    func announced() async throws {
        let prefix = Server.freshPrefix()
        let waiting = try await Server.store(prefix: prefix)
        let running = try await Server.store(prefix: prefix)
        let ear = try Server.client()
        let messages = Counter()
        let hearing = try await ear.subscribe(to: "\(prefix):changes") { _ in messages.add() }
        let interceptor = IdempotencyInterceptor(store: running)
        for number in 0..<50 { _ = try await interceptor.idempotent(key: StoreLoad.key("k-\(number)")) { _ in "A" } }
        // What was announced has come before this.
        _ = try await ear.ask("PUBLISH", "\(prefix):changes", "end")
        try await wait("the end") { messages.value > 0 }
        #expect(messages.value == 1)

        let wakes = Counter()
        let key = try StoreLoad.key("awaited")
        let answer = try await interceptor.idempotent(key: key) { _ in
            let subscription = try await waiting.subscribe(to: key) { wakes.add() }
            _ = subscription
            return "A"
        }
        #expect(answer == "A")
        try await wait("a wake-up") { wakes.value > 0 }
        _ = try await ear.ask("PUBLISH", "\(prefix):changes", "end")
        try await wait("a message and the end") { messages.value >= 3 }
        #expect(messages.value == 3)
        hearing.cancel()
        waiting.close()
        running.close()
    }

    @Test("A record that is renewed does not forget who waits for it")
    func renewed() async throws {
        let prefix = Server.freshPrefix()
        let waiting = try await Server.store(prefix: prefix)
        let running = try await Server.store(prefix: prefix)
        let ear = try Server.client()
        let messages = Counter()
        let hearing = try await ear.subscribe(to: "\(prefix):changes") { _ in messages.add() }
        let key = try StoreLoad.key("k")
        guard case .stored(var version) = try await running.checkAndSet(key, expecting: nil, .write(.claim)) else {
            Issue.record("an absent key was not claimed")
            return
        }
        let subscription = try await waiting.subscribe(to: key) {}
        for _ in 0..<3 {
            guard case .stored(let next) = try await running.checkAndSet(key, expecting: version, .write(.claim)) else {
                Issue.record("a claim was not renewed")
                return
            }
            version = next
        }
        _ = try await ear.ask("PUBLISH", "\(prefix):changes", "end")
        try await wait("three messages and the end") { messages.value >= 4 }
        #expect(messages.value == 4)
        subscription.cancel()
        hearing.cancel()
        waiting.close()
        running.close()
    }

    /// Runs a key in one store while another waits for it. Something happens to the server meanwhile.
    private func follow(
        _ following: RedisIdempotencyStore,
        _ running: RedisIdempotencyStore,
        disturb: () async throws -> Void
    ) async throws {
        let policy = try OperationPolicy(waitLimit: .seconds(100), pollInterval: .seconds(90))
        let key = try StoreLoad.key("k")
        let gate = Counter()
        let run = Task {
            try await IdempotencyInterceptor(store: running).idempotent(key: key) { _ in
                while gate.value == 0 { try await Task.sleep(for: .milliseconds(5)) }
                return "A"
            }
        }
        try await wait("a claim") { try await running.load(key) != nil }
        let follower = Task {
            try await IdempotencyInterceptor(store: following, policy: policy).idempotent(key: key) { _ in "B" }
        }
        try await disturb()
        gate.add()
        #expect(try await run.value == "A")
        #expect(try await follower.value == "A")
        following.close()
        running.close()
    }

    /// How many listen to a store's channel.
    private func listeners(_ client: HiredisClient, _ prefix: String) async throws -> Int64 {
        guard case .array(let reply) = try await client.ask("PUBSUB", "NUMSUB", "\(prefix):changes") else { return 0 }
        return reply[1].integer ?? 0
    }

    @Test("Whose listening connection is ended still learns of the change")
    func listenerKilled() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address)
        let prefix = Server.freshPrefix()
        let following = try await Server.store(try HiredisClient(server.address), prefix: prefix)
        let running = try await Server.store(try HiredisClient(server.address), prefix: prefix)
        try await follow(following, running) {
            try await wait("somebody who listens") { try await listeners(client, prefix) == 1 }
            let killed = try await client.ask("CLIENT", "KILL", "TYPE", "pubsub")
            #expect(killed.integer == 1)
        }
    }

    @Test("Who begins to wait before there is a record is told of what comes")
    func recordComesLater() async throws {
        let prefix = Server.freshPrefix()
        let waiting = try await Server.store(prefix: prefix)
        let running = try await Server.store(prefix: prefix)
        let wakes = Counter()
        let key = try StoreLoad.key("k")
        let subscription = try await waiting.subscribe(to: key) { wakes.add() }
        _ = try await IdempotencyInterceptor(store: running).idempotent(key: key) { _ in "A" }
        try await wait("a wake-up") { wakes.value > 0 }
        subscription.cancel()
        waiting.close()
        running.close()
    }

    @Test("When nobody waits any more, nothing is listened to")
    func endsListening() async throws {
        let client = try Server.client()
        let prefix = Server.freshPrefix()
        let waiting = try await Server.store(prefix: prefix)
        let subscription = try await waiting.subscribe(to: StoreLoad.key("k")) {}
        #expect(try await listeners(client, prefix) == 1)
        subscription.cancel()
        try await wait("nobody who listens") { try await listeners(client, prefix) == 0 }
        waiting.close()
    }

    @Test("Many that begin to wait at once share a connection")
    func oneSubscription() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address)
        let store = try await RedisIdempotencyStore(client: client)
        func connections() async throws -> Int {
            let info = try await client.ask("INFO", "stats").text ?? ""
            let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_connections_received:") }
            return Int(line?.split(separator: ":")[1] ?? "") ?? -1
        }
        let before = try await connections()
        let failures = Counter()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<1500 {
                group.addTask {
                    do { _ = try await store.subscribe(to: StoreLoad.key("k-\(number)")) {} } catch { failures.add() }
                }
            }
        }
        let made = try await connections() - before
        #expect(failures.value == 0)
        #expect(made <= 2, "\(made)")
        store.close()
        await client.close()
    }

    @Test("A subscription that was lost as it was confirmed is made again")
    func lostAtOnce() async throws {
        let client = ForgetfulClient(try Server.client())
        let store = try await Server.store(client)
        let subscription = try await store.subscribe(to: StoreLoad.key("k")) {}
        await client.subscriptions.wait(for: 2)
        subscription.cancel()
        store.close()
    }
}

/// A client that loses its first subscription just as it is confirmed.
private final class ForgetfulClient: RedisSubscribingClient {
    private struct Nothing: StoreSubscription { func cancel() {} }
    private let client: HiredisClient
    let subscriptions = Counter()
    init(_ client: HiredisClient) { self.client = client }
    nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        try await client.send(commands)
    }
    nonisolated(nonsending) func subscribe(
        to channel: String,
        onMessage: @escaping @Sendable ([UInt8]?) -> Void
    ) async throws -> any StoreSubscription {
        if subscriptions.add() > 1 { return try await client.subscribe(to: channel, onMessage: onMessage) }
        onMessage(nil)
        return Nothing()
    }
}
#endif
