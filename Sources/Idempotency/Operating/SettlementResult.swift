/// What became of a settlement by hand.
@available(Idempotency 0.1, *)
public enum SettlementResult: Sendable {
    /// The key is settled. The version is that of the record it left.
    case settled(RecordVersion)
    /// A settlement with this id was made before, and stands as it was made, or the key has been claimed since.
    case alreadySettled
    /// The record is not the one that was looked at: this is there now (`nil`: nothing). Nothing changed; look again.
    case changed(StoredRecord?)
    /// There is nothing to find out: the key is being run, has its answer, or surely had no effect. Nothing changed.
    case notUnknown(StoredRecord)
}
