public import Idempotency
public import Metrics
import Synchronization

/// Counts events, and times runs and waits.
///
/// | metric | kind | dimensions |
/// |---|---|---|
/// | `idempotency_events_total` | counter | `operation`, `event` |
/// | `idempotency_event_details_total` | counter | `operation`, `event`, `state`, `error` |
/// | `idempotency_run_duration_seconds` | timer | `operation`, `event`: how the run ended |
/// | `idempotency_wait_duration_seconds` | timer | `operation` |
///
/// `event` is the name of an `IdempotencyEvent.Kind`. `state` is the key's `RecordState`, or `none`. `error` is the code of an
/// `IdempotencyError`, `other` for every other error, or `none`. Both counters count the same events: the first exists from
/// zero on for every kind, so that an alert sees the first event, the second tells more.
///
/// The dimensions are bounded, whatever operations are called: see ``init(factory:operations:maximumOperations:)``. No tenant,
/// no principal and no text of an error is among them.
@available(Idempotency 0.1, *)
public final class MetricsObserver: IdempotencyObserver {
    private let metrics: Mutex<MetricsTable>

    /// Makes an observer.
    ///
    /// - Parameters:
    ///   - factory: Makes the metrics; by default the one that is bootstrapped, or bound to the task, at this moment.
    ///   - operations: The operations that are known beforehand. They always have a label, and their counters start at zero
    ///     now, not at their first event.
    ///   - maximumOperations: How many operations have a label of their own, the known ones included. Whatever comes after
    ///     them is counted under `other`: a backend keeps every label for ever, and names may come from routes or users.
    public init(
        factory: (any MetricsFactory)? = nil,
        operations: [String] = [],
        maximumOperations: Int = 100
    ) {
        var table = MetricsTable(factory: factory ?? MetricsSystem.factory, maximumOperations: maximumOperations)
        for operation in operations { table.label(operation) }
        metrics = Mutex(table)
    }

    /// Counts an event, and records its duration if it has one.
    ///
    /// - Parameter event: What happened.
    public func observe(_ event: IdempotencyEvent) {
        // The factory is called under the lock: a backend may hand out two handlers for one label, and then show one.
        let change = metrics.withLock { $0.change(for: event) }
        change.event.increment()
        change.detail.increment()
        if let duration = event.duration { change.timer?.record(duration: duration) }
    }
}
