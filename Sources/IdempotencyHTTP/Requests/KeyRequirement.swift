/// Whether a route's requests must have a key.
@available(Idempotency 0.1, *)
public enum KeyRequirement: Sendable {
    /// A request without a key is refused, with 400.
    case required
    /// A request without a key runs unprotected.
    case optional
    /// The route is not protected, and its requests' keys are not looked at.
    case ignored
}
