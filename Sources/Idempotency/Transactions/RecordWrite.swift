/// A write of a run's record that a transaction is to make as its last statement.
@available(Idempotency 0.1, *)
package struct RecordWrite: Sendable {
    /// What is to be written.
    package let record: IdempotencyRecord
    /// The version that has to be there.
    package let expected: RecordVersion
}
