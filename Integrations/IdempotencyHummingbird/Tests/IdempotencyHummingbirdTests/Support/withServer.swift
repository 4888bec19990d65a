import Hummingbird
import Logging
import NIOCore

/// Serves a router on a free port of 127.0.0.1 while a closure runs.
func withServer<Result: Sendable>(
    _ router: Router<PaymentsContext>,
    _ body: @escaping @Sendable (_ port: Int) async throws -> Result
) async throws -> Result {
    let (ports, found) = AsyncStream<Int>.makeStream()
    var logger = Logger(label: "tests")
    logger.logLevel = .critical
    let application = Application(
        router: router,
        configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { channel in found.yield(channel.localAddress!.port!) },
        logger: logger
    )
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await application.runService(gracefulShutdownSignals: [])
            return nil
        }
        group.addTask {
            for await port in ports { return try await body(port) }
            throw CancellationError()
        }
        for try await result in group {
            guard let result else { continue }
            group.cancelAll()
            return result
        }
        throw CancellationError()
    }
}
