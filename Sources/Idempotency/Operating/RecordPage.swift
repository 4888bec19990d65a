/// A page of records.
@available(Idempotency 0.1, *)
public struct RecordPage: Sendable {
    /// The records.
    public let records: [ListedRecord]
    /// Where the next page begins; `nil`: this was the last.
    public let next: RecordCursor?

    /// Makes the answer.
    ///
    /// - Parameters:
    ///   - records: The records.
    ///   - next: Where the next page begins; `nil`: this was the last.
    public init(records: [ListedRecord], next: RecordCursor?) {
        self.records = records
        self.next = next
    }
}
