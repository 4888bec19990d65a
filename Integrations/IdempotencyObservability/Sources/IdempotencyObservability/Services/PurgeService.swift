public import Idempotency
public import Logging
public import ServiceLifecycle

/// Takes expired records out of a store, from time to time.
///
/// For stores on disk, which do not do it by themselves. Expired records answer nobody either way: it is a matter of room. One
/// process of several is enough, and several do no harm.
///
/// ```swift
/// let purge = PurgeService(RecordAdministration(store: store), every: .seconds(600), logger: logger)
/// ```
@available(Idempotency 0.1, *)
public struct PurgeService: Service {
    private let administration: RecordAdministration
    private let interval: Duration
    private let portion: Int
    private let logger: Logger?
    private let sleep: @Sendable (Duration) async throws -> Void

    /// Makes a service.
    ///
    /// - Parameters:
    ///   - administration: Of the store.
    ///   - interval: How long it rests between two purges; above zero.
    ///   - portion: How many records are taken away at once, at least 1; small portions hold up other writers less.
    ///   - logger: Learns how many records were taken away, and of purges that failed; nobody by default.
    ///   - clock: Times the rests.
    public init<C: Clock>(
        _ administration: RecordAdministration,
        every interval: Duration,
        portion: Int = 1000,
        logger: Logger? = nil,
        clock: C = ContinuousClock()
    ) where C.Duration == Duration {
        precondition(interval > .zero, "a purge service has to rest between two purges")
        self.administration = administration
        self.interval = interval
        self.portion = max(1, portion)
        self.logger = logger
        sleep = { try await clock.sleep(for: $0) }
    }

    /// Purges at once and then after each rest, until the group's graceful shutdown or cancellation.
    ///
    /// A purge that fails is logged, and tried again after the next rest.
    public func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await purge()
                // A clock throws if it is cancelled, and for nothing else.
                try? await sleep(interval)
            }
        }
    }

    private func purge() async {
        var purged = 0
        do {
            // By portions, so that a shutdown need not wait for a large backlog.
            while !Task.isCancelled {
                let count = try await administration.purge(limit: portion, portion: portion)
                purged += count
                guard count == portion else { break }
            }
            logger?.debug("Purged expired idempotency records", metadata: [DetailName.purgedRecords: "\(purged)"])
        } catch {
            // What a store throws to a task that is shutting down is not a failure.
            guard !Task.isCancelled else { return }
            let summary = ErrorSummary(error)
            var metadata: Logger.Metadata = [
                DetailName.purgedRecords: "\(purged)",
                DetailName.errorType: "\(summary.type)",
            ]
            if let code = summary.code { metadata[DetailName.errorCode] = "\(code)" }
            logger?.warning("Expired idempotency records could not be purged", metadata: metadata)
        }
    }
}
