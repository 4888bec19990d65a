public import Idempotency

/// Tells several observers of each event, in order.
///
/// ```swift
/// let observer = ObserverGroup(LoggingObserver(logger: logger), MetricsObserver())
/// ```
@available(Idempotency 0.1, *)
public struct ObserverGroup: IdempotencyObserver {
    private let observers: [any IdempotencyObserver]

    /// Makes a group.
    ///
    /// - Parameter observers: Who is told, in this order.
    public init(_ observers: any IdempotencyObserver...) {
        self.init(observers)
    }

    /// Makes a group of observers that were collected.
    ///
    /// - Parameter observers: Who is told, in this order; none is fine.
    public init(_ observers: [any IdempotencyObserver]) {
        self.observers = observers
    }

    /// Tells every observer.
    ///
    /// - Parameter event: What happened.
    public func observe(_ event: IdempotencyEvent) {
        for observer in observers { observer.observe(event) }
    }
}
