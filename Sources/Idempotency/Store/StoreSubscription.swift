/// A wish to be woken, until it is cancelled.
@available(Idempotency 0.1, *)
public protocol StoreSubscription: Sendable {
    /// Ends the subscription. Harmless when repeated; returns at once.
    func cancel()
}
