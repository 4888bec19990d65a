internal import Idempotency
internal import Metrics

/// The metrics of all operations, of which only so many have a label of their own.
@available(Idempotency 0.1, *)
struct MetricsTable {
    private let factory: any MetricsFactory
    private let maximumOperations: Int
    /// By label. An operation that is called "other" shares with those that have no label, as it would in any backend.
    private var metrics: [String: OperationMetrics] = [:]

    init(factory: any MetricsFactory, maximumOperations: Int) {
        self.factory = factory
        self.maximumOperations = maximumOperations
    }

    /// Gives an operation a label, however many there are, unless it has it already.
    mutating func label(_ operation: String) {
        guard metrics[operation] == nil else { return }
        metrics[operation] = OperationMetrics(operation: operation, factory: factory)
    }

    mutating func change(for event: IdempotencyEvent) -> OperationMetrics.Change {
        let operation = event.scope.operation
        let isLabelled = metrics[operation] != nil || metrics.count < maximumOperations
        let label = isLabelled ? operation : "other"
        self.label(label)
        return metrics[label]!.change(for: event)
    }
}
