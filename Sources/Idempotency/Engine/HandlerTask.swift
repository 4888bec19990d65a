/// Which task a handler runs in, where it is not the caller's.
@available(Idempotency 0.1, *)
public enum HandlerTask: Sendable {
    /// A task of its own, which goes on when the caller is cancelled.
    case own
}
