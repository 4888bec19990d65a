internal import Idempotency

@available(Idempotency 0.1, *)
extension SQLRecordStatements {
    /// A record's columns, with spans where the row will have times.
    func spans(of record: IdempotencyRecord) -> RecordColumns {
        RecordColumns(record, version: 0, now: 0)
    }

    /// When a span that begins now is over.
    func end(_ span: Int64) -> SQLStatement {
        // 2⁶² microseconds are 146,000 years, and the sum still has room in 64 bits.
        "\(now) + \(min(span, 1 << 62))"
    }
}
