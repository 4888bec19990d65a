/// What becomes of a key, by the response that its handler gave.
@available(Idempotency 0.1, *)
public enum ResponseDisposition: Sendable {
    /// The response is final: it is kept, and answers every retry.
    case keep
    /// It is not kept. Whether the effect happened is not known: the lapse policy says whether a retry runs again, as if the
    /// handler had thrown.
    case discard
    /// It is not kept, and surely nothing happened: a retry runs again, whatever the lapse policy.
    case discardWithoutEffect

    /// Keeps what is below 500, but for the statuses that ask to send the same request again: once it is authenticated or
    /// upgraded, 401, 407 and 426, or later, 408, 425 and 429 (RFC 9110, section 15.5; RFC 8470, section 5.2; RFC 6585, section 4).
    ///
    /// - Parameter status: The response's status.
    public static func standard(_ status: Int) -> ResponseDisposition {
        switch status {
        case 401, 407, 408, 425, 426, 429: .discard
        case ..<500: .keep
        default: .discard
        }
    }
}
