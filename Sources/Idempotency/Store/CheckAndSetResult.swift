/// What became of a check-and-set.
@available(Idempotency 0.1, *)
public enum CheckAndSetResult: Sendable {
    /// The change is made and durable. For a removal the version is one greater than that of what was removed, or more.
    case stored(RecordVersion)
    /// The check failed and nothing changed: this is there now. `nil`: nothing, or an expired record.
    case conflict(StoredRecord?)
}
