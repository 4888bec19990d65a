/// What a check-and-set does when the check holds.
@available(Idempotency 0.1, *)
public enum RecordChange: Sendable {
    /// Puts this record there, and stamps its spans from now on by the store's clock.
    case write(IdempotencyRecord)
    /// Takes away what is there.
    case remove
}
