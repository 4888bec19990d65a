package import Idempotency

/// A record as the columns of its row: what a write puts there, with spans where the row has times by the database's clock.
///
/// Spans are in microseconds, rounded up, so that a lease never holds for less than was asked for. One without end is 2⁶²: no
/// sum with a time overflows.
@available(Idempotency 0.1, *)
package struct RecordColumns: Sendable {
    package let state: String
    package let attempt: Int64
    /// For how long the lease, or a finished record's retention, holds.
    package let held: Int64
    /// For how long the record is kept.
    package let kept: Int64
    package let record: [UInt8]

    /// The columns of a record that is to be written. It is encoded here, by the caller, so that the database's thread need not.
    package init(_ record: IdempotencyRecord) {
        let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
        state =
            switch record.state {
            case .pending: "pending"
            case .done: "done"
            case .failed(.retryable): "retryable"
            case .failed: "failed"
            }
        attempt = Int64(record.attempt)
        held = min(Self.end(of: span, from: 0), Self.endless)
        kept = record.isPending ? min(Self.end(of: record.retentionNanoseconds, from: held), Self.endless) : held
        self.record = record.encoded()
    }

    /// What is read back from such columns; `nil`: it is expired.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError`` if the record cannot be read.
    package static func stored(
        record bytes: [UInt8],
        version: Int64,
        heldUntil: Int64,
        expiresAt: Int64,
        now: Int64
    ) throws(IdempotencyError) -> StoredRecord? {
        if expiresAt <= now { return nil }
        let record = try IdempotencyRecord(encoded: bytes)
        let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
        let (remaining, overflow) = heldUntil.subtractingReportingOverflow(now)
        let nanoseconds = overflow ? Nanoseconds.max : remaining.multipliedClamped(by: 1000)
        return StoredRecord(
            version: RecordVersion(rawValue: UInt64(bitPattern: version)),
            record: record,
            // Not more than was asked for: it was rounded up, and the clock may have stepped back.
            remainingNanoseconds: min(nanoseconds, span)
        )
    }

    private static let endless: Int64 = 1 << 62

    private static func end(of span: Nanoseconds, from start: Int64) -> Int64 {
        if span == .max { return .max }
        return start.addingClamped(span / 1000 + (span % 1000 == 0 ? 0 : 1))
    }
}

extension Int64 {
    fileprivate func multipliedClamped(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? (self < 0 ? .min : .max) : product
    }
}
