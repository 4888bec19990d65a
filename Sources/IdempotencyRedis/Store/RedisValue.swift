internal import Idempotency

/// A record as the script answers it: the server's time and the value, whose form is in `check-and-set.lua`.
@available(Idempotency 0.1, *)
struct RedisValue {
    let stored: StoredRecord
    /// How long ago it was written, by the server's clock.
    let age: Duration

    private static let headerSize = 24

    /// Reads the script's reply; `nil`: there is nothing.
    init?(reply: RedisReply) throws {
        switch try reply.checked() {
        case .null: return nil
        case .bytes(let bytes): try self.init(bytes)
        case .integer, .array, .error: throw RedisErrors.unexpectedReply
        }
    }

    /// - Throws: ``/Idempotency/IdempotencyError`` if what is there is no record, or a newer release's.
    init(_ bytes: [UInt8]) throws(IdempotencyError) {
        // The time; then whether somebody waits, the version, and when it was written.
        guard bytes.count > Self.headerSize else { throw Self.foreign }
        guard bytes[8] <= 1 else {
            // A record begins with a letter, and so does what other programs write, most of the time.
            throw bytes[8] < 0x20 ? Self.newer : Self.foreign
        }
        let now = Self.number(bytes[0..<8])
        let version = Self.number(bytes[9..<16])
        let written = Self.number(bytes[16..<24])
        let record = try IdempotencyRecord(encoded: Array(bytes[Self.headerSize...]))
        // A clock that was set back makes nothing younger than it is.
        let age = max(0, Int64(clamping: now) - Int64(clamping: written))
        let span = record.isPending ? record.leaseNanoseconds : record.retentionNanoseconds
        // Both times were rounded down: a microsecond less may have gone by.
        let elapsed = max(0, age - 1).multipliedReportingOverflow(by: 1000)
        let remaining = span == .max ? .max : span - (elapsed.overflow ? span : min(span, elapsed.partialValue))
        stored = StoredRecord(
            version: RecordVersion(rawValue: version),
            record: record,
            // What is finished is there until the server takes it away.
            remainingNanoseconds: record.isPending ? remaining : max(1, remaining)
        )
        self.age = .microseconds(age)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private static var foreign: IdempotencyError {
        IdempotencyError(
            code: .corruptRecord,
            message:
                "Under a key of the store is something that is no record. Nothing was changed; give the store a prefix of its own."
        )
    }

    private static var newer: IdempotencyError {
        IdempotencyError(
            code: .unsupportedRecordVersion,
            message:
                "A record was stored by a newer release. Nothing was run or changed; upgrade this service before it handles such "
                + "keys."
        )
    }

    /// For how long the server keeps a record, in milliseconds, rounded up; `nil`: until its version is named.
    static func milliseconds(for record: IdempotencyRecord) -> Int64? {
        let retention = record.retentionNanoseconds
        if retention == .max { return nil }
        let span = (record.isPending ? record.leaseNanoseconds : 0).addingClamped(retention)
        // Some 30,000 years; more than the server's clock can count.
        if span == .max { return nil }
        return max(1, span / 1_000_000 + (span % 1_000_000 == 0 ? 0 : 1))
    }
}
