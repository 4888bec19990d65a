public import Idempotency
public import Logging
public import ServiceLifecycle

/// Shuts an interceptor down when its service group shuts down: new calls are refused, handlers that run may end.
///
/// A group shuts its services down in reverse order. List this one after what handlers and the store need (a database's
/// client), and before what makes calls (a server, a queue's consumer), which then has stopped by the time:
///
/// ```swift
/// let group = ServiceGroup(
///     services: [databaseClient, IdempotencyService(interceptor, logger: logger), server],
///     gracefulShutdownSignals: [.sigterm],
///     logger: logger
/// )
/// ```
@available(Idempotency 0.1, *)
public struct IdempotencyService: Service {
    private let interceptor: IdempotencyInterceptor
    private let limit: Duration
    private let logger: Logger?

    /// Makes a service.
    ///
    /// - Parameters:
    ///   - interceptor: What is shut down, with all its views.
    ///   - limit: How long handlers that run are waited for; 20 s by default, within the 30 s that most platforms give a
    ///     process. Keep it below the group's `maximumGracefulShutdownDuration` and `maximumCancellationDuration`: it is
    ///     waited for after a cancellation as well.
    ///   - logger: Learns how many keys were left; nobody by default.
    public init(
        _ interceptor: IdempotencyInterceptor,
        shutdownWithin limit: Duration = .seconds(20),
        logger: Logger? = nil
    ) {
        self.interceptor = interceptor
        self.limit = limit
        self.logger = logger
    }

    /// Waits for the group's graceful shutdown, or for cancellation, and shuts the interceptor down.
    ///
    /// Returns once no handler runs any more and all is recorded, or the limit is over. What is left then goes on without
    /// renewals; when its leases run out, its lapse policy decides.
    public func run() async {
        // A cancellation is as good a reason. Whoever cancels wants no more calls, and records are written all the same.
        try? await gracefulShutdown()
        logger?.debug("Shutting down the idempotency interceptor")
        let left = await interceptor.shutdown(within: limit)
        if left == 0 {
            logger?.debug("The idempotency interceptor is shut down; nothing was left")
        } else {
            logger?.warning(
                "The idempotency interceptor is shut down, and handlers are still running",
                metadata: [DetailName.keysLeft: "\(left)"]
            )
        }
    }
}
