/// A record as a store answers it: with its version, and with how long it still holds by the store's clock.
@available(Idempotency 0.1, *)
public struct StoredRecord: Equatable, Sendable {
    /// The version of the write that put it there.
    public let version: RecordVersion
    /// The record.
    public let record: IdempotencyRecord

    package let remainingNanoseconds: Nanoseconds

    /// How long a pending record's lease, or a finished record's retention, lasts from now on. Never negative; zero for a
    /// pending record means that it is lapsed.
    public var remaining: Duration { .nanoseconds(remainingNanoseconds) }

    /// Where the key stands.
    public var state: RecordState {
        switch record.state {
        case .pending: remainingNanoseconds > 0 ? .inProgress : .lapsed
        case .done: .done
        case .failed(.retryable): .retryable
        case .failed: .failed
        }
    }

    /// Makes the answer.
    ///
    /// - Parameters:
    ///   - version: The version of the write that put it there.
    ///   - record: The record.
    ///   - remaining: What remains of the lease or of the retention, by the store's clock; negative counts as zero.
    public init(version: RecordVersion, record: IdempotencyRecord, remaining: Duration) {
        self.init(version: version, record: record, remainingNanoseconds: remaining.nanoseconds)
    }

    /// A record that was stored a moment ago.
    init(version: RecordVersion, written record: IdempotencyRecord) {
        let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
        self.init(version: version, record: record, remainingNanoseconds: span)
    }

    package init(version: RecordVersion, record: IdempotencyRecord, remainingNanoseconds: Nanoseconds) {
        self.version = version
        self.record = record
        self.remainingNanoseconds = max(0, remainingNanoseconds)
    }
}
