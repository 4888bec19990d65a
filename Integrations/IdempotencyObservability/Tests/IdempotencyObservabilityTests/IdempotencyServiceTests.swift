import Idempotency
import IdempotencyObservability
import IdempotencyTesting
import InMemoryLogging
import Logging
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing

@Suite("Interceptor as a service", .timeLimit(.minutes(10)))
struct IdempotencyServiceTests {
    private let node = Node()
    private let handler: InMemoryLogHandler
    private let service: IdempotencyService

    init() {
        let handler = InMemoryLogHandler()
        self.handler = handler
        var logger = Logger(label: "test") { _ in handler }
        logger.logLevel = .trace
        service = IdempotencyService(node.interceptor, shutdownWithin: .seconds(7), logger: logger)
    }

    private var left: Logger.MetadataValue? { handler.entries.last?.metadata["idempotency.keys_left"] }

    /// The limit is the only one to wait for so short a time: once it is timed, the shutdown has begun.
    private func waitForShutdown() async { await node.clock.waitForSleeper(within: .seconds(7)) }

    private func isRefused() async -> Bool {
        do {
            _ = try await node.interceptor.outcome(key: Secret.key("late")) { _ in 1 }
            return false
        } catch {
            return (error as? IdempotencyError)?.code == .shutDown
        }
    }

    @Test("A graceful shutdown waits for a handler that runs, and refuses new calls")
    func gracefulShutdown() async throws {
        let finish = Gate()
        let running = await node.run(Secret.key(), until: finish)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await service.run() }
                trigger.triggerGracefulShutdown()
                await waitForShutdown()
                #expect(await isRefused())
                #expect(handler.entries.count == 1, "it waits")
                finish.open()
                try await group.waitForAll()
            }
        }
        guard case .ran = try await running.value else {
            Issue.record("the handler did not run to its end")
            return
        }
        #expect(node.log.count(.completed) == 1)
        #expect(left == nil)
        #expect(handler.entries.map(\.level) == [.debug, .debug])
    }

    @Test("A handler that outlives the limit is reported, and the service ends")
    func outlivesTheLimit() async throws {
        let finish = Gate()
        let running = await node.run(Secret.key(), until: finish)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await service.run() }
                trigger.triggerGracefulShutdown()
                await waitForShutdown()
                node.clock.advance(by: .seconds(7))
                try await group.waitForAll()
            }
        }
        #expect(left == "1")
        #expect(handler.entries.last?.level == .warning)
        #expect(!handler.entries.contains { "\($0)".contains(Secret.marker) })
        finish.open()
        _ = await running.result
    }

    @Test("A cancellation shuts down as well, and what runs is still recorded")
    func cancellation() async throws {
        let finish = Gate()
        let running = await node.run(Secret.key(), until: finish)
        let task = Task { await service.run() }
        task.cancel()
        await waitForShutdown()
        #expect(await isRefused())
        finish.open()
        await task.value
        _ = try await running.value
        #expect(node.log.count(.completed) == 1)
        #expect(left == nil)
    }

    @Test("In a group that shuts down the service ends without an error, after the services that come after it")
    func inGroup() async throws {
        let (node, service) = (node, service)
        let isServing = Gate()
        let server = ClosureService {
            isServing.open()
            try await ServiceLifecycle.gracefulShutdown()
            // A server's last request, after the signal.
            _ = try await node.interceptor.outcome(key: Secret.key("last")) { _ in 1 }
        }
        let group = ServiceGroup(services: [service, server], logger: Logger(label: "group") { _ in handler })
        let task = Task { try await group.run() }
        await isServing.pass()
        await group.triggerGracefulShutdown()
        try await task.value
        #expect(node.log.count(.completed) == 1)
        #expect(await isRefused())
    }
}
