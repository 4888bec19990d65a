/// What the rules say to a request before they see its body.
@available(Idempotency 0.1, *)
public enum Admission: Sendable {
    /// It is none of the rules' business: carry it out as if they were not there.
    case unprotected
    /// It is refused with this response. Nothing ran, and nothing was stored.
    case refused(HTTPAnswer)
    /// It has a key: read its body, and let the admitted request answer.
    case admitted(AdmittedRequest)
}
