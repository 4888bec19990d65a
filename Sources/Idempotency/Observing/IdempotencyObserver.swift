/// Learns what an interceptor does, to count it, log it or page somebody.
@available(Idempotency 0.1, *)
public protocol IdempotencyObserver: Sendable {
    /// Called at each event, on the task at hand: be quick, and never call back into the interceptor.
    ///
    /// - Parameter event: What happened; it never holds a key's value, a payload or a result.
    func observe(_ event: IdempotencyEvent)
}
