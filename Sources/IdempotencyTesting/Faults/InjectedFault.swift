/// What a ``FaultInjectingStore`` throws for a fault.
@available(Idempotency 0.1, *)
public struct InjectedFault: Error, Hashable, Sendable {
    /// The fault.
    public let fault: StoreFault
}
