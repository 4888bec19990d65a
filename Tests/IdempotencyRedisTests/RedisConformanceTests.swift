#if Redis
import Idempotency
import IdempotencyRedis
import IdempotencyTesting
import Testing

/// A client that cannot listen, like one that a service brings.
struct PlainClient: RedisClient {
    let base: any RedisClient

    func send(_ commands: [RedisCommand]) async throws -> [RedisReply] { try await base.send(commands) }
}

/// A server's clock cannot be moved: time passes by itself. So the checks of a suite run one after the other.
private func check(_ check: StoreConformanceCheck, listens: Bool) async throws {
    try await StoreConformanceCheck.withGrowingTick { tick in try await run(check, listens: listens, tick) }
}

private func run(_ check: StoreConformanceCheck, listens: Bool, _ tick: Duration) async throws {
    let prefix = Server.freshPrefix()
    @Sendable func open() async throws -> RedisIdempotencyStore {
        let client = try Server.client()
        return try await Server.store(listens ? client : PlainClient(base: client), prefix: prefix)
    }
    let store = try await open()
    let another = try await open()
    let subject = StoreUnderTest(
        store,
        another: another,
        tick: tick,
        rounds: 20,
        sweepsByItself: true,
        reopen: {
            store.close()
            return try await open()
        },
        advanceTime: { try await Task.sleep(for: $0) }
    )
    try await check.run(on: subject)
    store.close()
    another.close()
}

@Suite("The Redis store keeps every rule of the protocol", .serialized, .timeLimit(.minutes(10)))
struct RedisConformanceTests {
    @Test("Rule by rule", arguments: StoreConformanceCheck.allCases)
    func rules(_ rule: StoreConformanceCheck) async throws { try await check(rule, listens: true) }
}

@Suite("The Redis store keeps every rule with a client that cannot listen, too", .serialized, .timeLimit(.minutes(10)))
struct RedisPlainClientConformanceTests {
    @Test("Rule by rule", arguments: StoreConformanceCheck.allCases)
    func rules(_ rule: StoreConformanceCheck) async throws { try await check(rule, listens: false) }
}
#endif
