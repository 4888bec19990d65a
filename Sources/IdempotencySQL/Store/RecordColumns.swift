package import Idempotency

/// A record as the columns of its row: what a write puts there.
///
/// Times are microseconds since 1970. A span is rounded up, so that a lease never holds for less than was asked for.
@available(Idempotency 0.1, *)
package struct RecordColumns: Sendable {
    package let state: String
    package let attempt: Int64
    package let version: Int64
    package let writtenAt: Int64
    package let heldUntil: Int64
    /// The greatest number there is: never.
    package let expiresAt: Int64
    package let record: [UInt8]

    /// The columns of a record that is written now.
    ///
    /// - Parameters:
    ///   - record: The record.
    ///   - version: The version of the write.
    ///   - now: The database's time, in microseconds since 1970.
    package init(_ record: IdempotencyRecord, version: Int64, now: Int64) {
        let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
        state = Self.state(of: record)
        attempt = Int64(record.attempt)
        self.version = version
        writtenAt = now
        heldUntil = Self.end(of: span, from: now)
        expiresAt = record.isPending ? Self.end(of: record.retentionNanoseconds, from: heldUntil) : heldUntil
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

    /// For how long a record that is written is held, and until when after the write it is kept, in microseconds.
    ///
    /// For a database that adds them to its own clock: a span without end is 2⁶², so that no sum overflows.
    package static func spans(of record: IdempotencyRecord) -> (held: Int64, kept: Int64) {
        let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
        let held = min(end(of: span, from: 0), endless)
        return (held, record.isPending ? min(end(of: record.retentionNanoseconds, from: held), endless) : held)
    }

    private static let endless: Int64 = 1 << 62

    private static func end(of span: Nanoseconds, from start: Int64) -> Int64 {
        if span == .max { return .max }
        return start.addingClamped(span / 1000 + (span % 1000 == 0 ? 0 : 1))
    }

    /// What stands in the column `state`.
    package static func state(of record: IdempotencyRecord) -> String {
        switch record.state {
        case .pending: "pending"
        case .done: "done"
        case .failed(.retryable): "retryable"
        case .failed: "failed"
        }
    }
}

extension Int64 {
    fileprivate func multipliedClamped(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? (self < 0 ? .min : .max) : product
    }
}
