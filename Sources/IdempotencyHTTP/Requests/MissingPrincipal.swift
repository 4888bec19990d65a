/// What happens to a request with a key of which nobody knows who sent it.
@available(Idempotency 0.1, *)
public enum MissingPrincipal: Sendable {
    /// It is refused, with 403.
    case refuse
    /// All such requests share one room of keys: whoever guesses a key sees what it answered. For services without principals.
    case share
}
