public import Idempotency
public import Logging

/// Writes events to a logger of yours.
///
/// ```swift
/// let observer = LoggingObserver(logger: logger)
/// let interceptor = IdempotencyInterceptor(store: store, observer: observer)
/// ```
///
/// An entry's message depends on the kind of event alone. What differs is metadata: `idempotency.event`,
/// `idempotency.operation`, `idempotency.key_reference` (see `IdempotencyKey.reference`), `idempotency.state`, `idempotency.attempt`, `idempotency.duration_seconds`, and of an error
/// `idempotency.error.type`, and `idempotency.error.code` if it is an `IdempotencyError`. What an event does not have is left
/// out. Neither a key's value, a payload, a result nor an error's text is ever among it, and neither tenant nor principal,
/// unless you ask with a ``LogDisclosure``.
@available(Idempotency 0.1, *)
public struct LoggingObserver: IdempotencyObserver {
    private let logger: Logger
    private let disclosure: LogDisclosure
    private let level: @Sendable (IdempotencyEvent) -> Logger.Level?

    /// Makes an observer.
    ///
    /// - Parameters:
    ///   - logger: Where entries go. Its own level, metadata and metadata provider count as everywhere.
    ///   - disclosure: What is told beside what is safe in any log; nothing by default.
    ///   - level: The level of an event, or `nil` if it is not to be logged; ``standardLevel(of:)`` of its kind by default.
    ///     Called at each event: be quick.
    public init(
        logger: Logger,
        disclosing disclosure: LogDisclosure = [],
        level: @escaping @Sendable (IdempotencyEvent) -> Logger.Level? = { standardLevel(of: $0.kind) }
    ) {
        self.logger = logger
        self.disclosure = disclosure
        self.level = level
    }

    /// The level of a kind of event where nobody says otherwise; `notice` for a kind that is newer than this package.
    ///
    /// - Parameter kind: The kind.
    public static func standardLevel(of kind: IdempotencyEvent.Kind) -> Logger.Level {
        LogEntry.entry(for: kind).level
    }

    /// Logs an event, if the logger takes entries of its level.
    ///
    /// - Parameter event: What happened.
    public func observe(_ event: IdempotencyEvent) {
        guard let level = level(event) else { return }
        logger.log(level: level, LogEntry.entry(for: event.kind).message, metadata: metadata(of: event))
    }

    private func metadata(of event: IdempotencyEvent) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            DetailName.event: "\(event.kind)",
            DetailName.operation: "\(event.scope.operation)",
            DetailName.keyReference: "\(event.keyReference)",
        ]
        if let state = event.state { metadata[DetailName.state] = "\(state)" }
        if event.attempt > 0 { metadata[DetailName.attempt] = "\(event.attempt)" }
        if let duration = event.duration { metadata[DetailName.durationInSeconds] = "\(duration / .seconds(1))" }
        if let error = event.error {
            let summary = ErrorSummary(error)
            metadata[DetailName.errorType] = "\(summary.type)"
            if let code = summary.code { metadata[DetailName.errorCode] = "\(code)" }
            if disclosure.contains(.unsafeErrorText) { metadata[DetailName.errorText] = "\(error)" }
        }
        if disclosure.contains(.tenant), let tenant = event.scope.tenant { metadata[DetailName.tenant] = "\(tenant)" }
        if disclosure.contains(.principal), let principal = event.scope.principal {
            metadata[DetailName.principal] = "\(principal)"
        }
        return metadata
    }
}
