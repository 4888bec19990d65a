import Idempotency
import IdempotencyInMemory
import IdempotencyObservability
import IdempotencyTesting
import InMemoryLogging
import Logging
import ServiceLifecycleTestKit
import Testing

@Suite("Purging as a service", .timeLimit(.minutes(10)))
struct PurgeServiceTests {
    private let node = Node()
    /// Apart from the store's, on which the interceptor sleeps too.
    private let clock = CancellableClock()
    private let handler: InMemoryLogHandler
    private let logger: Logger

    init() {
        let handler = InMemoryLogHandler()
        self.handler = handler
        var logger = Logger(label: "test") { _ in handler }
        logger.logLevel = .trace
        self.logger = logger
    }

    private func service(portion: Int = 1000) -> PurgeService {
        let administration = RecordAdministration(store: node.store)
        return PurgeService(administration, every: .seconds(600), portion: portion, logger: logger, clock: clock)
    }

    private func leaveExpiredRecords(_ names: ClosedRange<Int>) async throws {
        for name in names { _ = try await node.interceptor.idempotent(key: Secret.key("\(name)")) { _ in 1 } }
        node.clock.advance(by: .seconds(86400))
    }

    /// Returns once the service rests.
    private func waitForRest() async { await clock.base.waitForSleeper(within: .seconds(600)) }

    /// Runs the service, then the body, and ends the service.
    private func run(_ service: PurgeService, _ body: @Sendable () async throws -> Void) async throws {
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await service.run() }
                try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("Expired records are taken away at once, and again after each rest")
    func purges() async throws {
        try await leaveExpiredRecords(1...2)
        try await run(service()) {
            await waitForRest()
            #expect(node.store.purges == [2])
            try await leaveExpiredRecords(3...3)
            clock.base.advance(by: .seconds(599))
            #expect(node.store.purges == [2])
            clock.base.advance(by: .seconds(1))
            await waitForRest()
            #expect(node.store.purges == [2, 1])
        }
        #expect(node.memory.count == 0)
        #expect(handler.entries.first?.metadata["idempotency.purged_records"] == "2")
    }

    @Test("A backlog is taken away by portions")
    func portions() async throws {
        try await leaveExpiredRecords(1...25)
        try await run(service(portion: 10)) { await waitForRest() }
        #expect(node.store.purges == [10, 10, 5])
        #expect(handler.entries.first?.metadata["idempotency.purged_records"] == "25")
    }

    @Test("A purge that fails is told of without the error's text, and tried again")
    func fails() async throws {
        try await leaveExpiredRecords(1...1)
        node.store.fail(with: TalkativeError())
        try await run(service()) {
            await waitForRest()
            #expect(handler.entries.map(\.level) == [.warning])
            #expect(handler.entries.first?.metadata["idempotency.error.type"] == "TalkativeError")
            node.store.fail(with: nil)
            clock.base.advance(by: .seconds(600))
            await waitForRest()
            #expect(node.store.purges == [1])
        }
        #expect(!handler.entries.contains { "\($0)".contains(Secret.marker) })
    }

    @Test("On the system's clock a graceful shutdown ends a rest at once")
    func shutdownWhileResting() async throws {
        let service = PurgeService(RecordAdministration(store: node.store), every: .seconds(86400))
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await service.run() }
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("On the system's clock a cancellation ends a rest at once")
    func cancellationWhileResting() async throws {
        let service = PurgeService(RecordAdministration(store: node.store), every: .seconds(86400))
        let task = Task { await service.run() }
        task.cancel()
        await task.value
    }
}
