/// What became of a transaction that was to commit a record together with other changes.
@available(Idempotency 0.1, *)
package enum TransactionResult: Sendable {
    /// Both are there, and the record has this version.
    case committed(RecordWrite, RecordVersion)
    /// The record is another's by now, and everything is undone.
    case lost
    /// Everything is undone.
    case undone(any Error)
    /// Nobody knows whether it was committed.
    case unknown(any Error)
}
