internal import Idempotency
internal import Metrics

/// The metrics of one operation, or of all that have no label of their own. Each is made once, as backends ask for.
@available(Idempotency 0.1, *)
struct OperationMetrics {
    private struct Detail: Hashable {
        let kind: IdempotencyEvent.Kind
        let state: RecordState?
        let error: String
    }

    /// What an event changes, to be changed without a lock.
    struct Change {
        let event: Counter
        let detail: Counter
        let timer: Timer?
    }

    private let operation: String
    private let factory: any MetricsFactory
    /// Of every kind from the start: a rate over a counter that begins at one misses the first event, which is the one to
    /// page somebody for.
    private var events: [IdempotencyEvent.Kind: Counter] = [:]
    private var details: [Detail: Counter] = [:]
    private var timers: [IdempotencyEvent.Kind: Timer] = [:]

    init(operation: String, factory: any MetricsFactory) {
        self.operation = operation
        self.factory = factory
        for kind in IdempotencyEvent.Kind.allCases { _ = counter(of: kind) }
    }

    mutating func change(for event: IdempotencyEvent) -> Change {
        Change(
            event: counter(of: event.kind),
            detail: detail(of: event),
            timer: event.duration == nil ? nil : timer(of: event.kind)
        )
    }

    private mutating func counter(of kind: IdempotencyEvent.Kind) -> Counter {
        if let counter = events[kind] { return counter }
        let dimensions = [("operation", operation), ("event", kind.description)]
        let counter = Counter(label: "idempotency_events_total", dimensions: dimensions, factory: factory)
        events[kind] = counter
        return counter
    }

    private mutating func detail(of event: IdempotencyEvent) -> Counter {
        let error = event.error.map { ErrorSummary($0).code ?? "other" } ?? "none"
        let detail = Detail(kind: event.kind, state: event.state, error: error)
        if let counter = details[detail] { return counter }
        let dimensions = [
            ("operation", operation), ("event", event.kind.description),
            ("state", event.state?.rawValue ?? "none"), ("error", error),
        ]
        let counter = Counter(label: "idempotency_event_details_total", dimensions: dimensions, factory: factory)
        details[detail] = counter
        return counter
    }

    private mutating func timer(of kind: IdempotencyEvent.Kind) -> Timer {
        if let timer = timers[kind] { return timer }
        let isWait = kind == .waited
        let timer = Timer(
            label: isWait ? "idempotency_wait_duration_seconds" : "idempotency_run_duration_seconds",
            dimensions: [("operation", operation)] + (isWait ? [] : [("event", kind.description)]),
            preferredDisplayUnit: .seconds,
            factory: factory
        )
        timers[kind] = timer
        return timer
    }
}
