/// Wraps an error to say that the handler's effect surely did not happen, so that the key may run again at once.
///
/// A handler throws it around an error of which it knows this (the connection was refused; the bank answered "not
/// accepted"). The caller receives the wrapped error itself.
@available(Idempotency 0.1, *)
public struct EffectDidNotHappen: Error, Sendable {
    /// The error that the caller receives.
    public let underlying: any Error

    /// Says that the effect did not happen.
    ///
    /// - Parameter underlying: The error that the caller receives.
    public init(_ underlying: any Error) {
        self.underlying = underlying
    }
}
