/// The encoded form of a record, for stores that keep it as bytes. All numbers are big-endian.
///
/// | bytes | field |
/// |-------|-------|
/// | 3     | `I` `D` `R` |
/// | 1     | format version: 1 or 2 |
/// | 1     | state: 1 pending, 2 done, 3 failed |
/// | 1     | lapse policy |
/// | 1     | flags: 1 known without effect, 2 has a fingerprint, 4 was settled by hand (format 2) |
/// | 4     | attempt |
/// | 16    | claimant |
/// | 8     | token; 0: the version of the write itself |
/// | 8     | lease in nanoseconds |
/// | 8     | retention in nanoseconds; 2⁶³−1: never ends |
/// | 33    | fingerprint, if there is one: algorithm, digest |
/// | …     | by state: unknown reason (1, 0 for none) · value · failure kind (1), then retry reason (1) or name and value |
/// | 4 + … | checkpoints: count, then name and value of each |
/// | 8     | format 2: digest of the key, FNV-1a of the scope's text, a NUL and the value; 0: not known |
/// | …     | format 2, if it was settled by hand: the settlement's id, and by whom |
/// | 4     | CRC-32 (IEEE 802.3) of everything before |
///
/// Each release reads every format up to its own, and writes a record in the oldest one that has room for it.
///
/// A value is its kind (1: 0 void, 1 bytes, 2 encoded, 3 omitted), then a length (4) and bytes, or the reason of the
/// omission (1). A text is a length (2) and UTF-8.
@available(Idempotency 0.1, *)
extension IdempotencyRecord {
    private static let magic: [UInt8] = Array("IDR".utf8)

    /// The newest version of the format that this release reads and writes.
    public static let formatVersion: UInt8 = 2

    /// The record as bytes.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: encodedCapacity)
        writer.append(contentsOf: Self.magic)
        let isFormat2 = keyDigest != 0 || settlement != nil
        writer.append(isFormat2 ? 2 : 1)
        writer.append(stateNumber)
        writer.append(lapsePolicy.rawValue)
        writer.append((isKnownWithoutEffect ? 1 : 0) | (fingerprint == nil ? 0 : 2) | (settlement == nil ? 0 : 4))
        writer.append(integer: attemptNumber)
        writer.append(integer: claimant.high)
        writer.append(integer: claimant.low)
        writer.append(integer: tokenNumber)
        writer.append(integer: leaseNanoseconds)
        writer.append(integer: retentionNanoseconds)
        if let fingerprint {
            writer.append(fingerprint.algorithm.rawValue)
            writer.append(contentsOf: fingerprint.digest)
        }
        switch state {
        case .pending(let reason):
            writer.append(reason?.rawValue ?? 0)
        case .done(let value):
            writer.append(value: value)
        case .failed(.final(let name, let value)):
            writer.append(1)
            writer.append(text: name)
            writer.append(value: value)
        case .failed(.retryable(let reason)):
            writer.append(2)
            writer.append(reason.rawValue)
        case .failed(.revoked):
            writer.append(3)
        case .failed(.attemptsExhausted):
            writer.append(4)
        }
        writer.append(integer: UInt32(checkpoints.count))
        for checkpoint in checkpoints {
            writer.append(text: checkpoint.name)
            writer.append(value: checkpoint.value)
        }
        if isFormat2 { writer.append(integer: keyDigest) }
        if let settlement {
            writer.append(text: settlement.id)
            writer.append(text: settlement.settledBy)
        }
        writer.append(integer: CRC32.checksum(of: writer.bytes[...]))
        return writer.bytes
    }

    /// Reads a record.
    ///
    /// - Parameter bytes: What ``encoded()`` wrote, in this release or an earlier one.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/unsupportedRecordVersion`` if a newer release wrote it,
    ///   and with ``IdempotencyError/Code/corruptRecord`` if it is cut off, damaged, or no record at all.
    public init(encoded bytes: [UInt8]) throws(IdempotencyError) {
        guard bytes.starts(with: Self.magic), bytes.count > Self.magic.count else {
            throw ByteReader.corrupt("it does not begin like a record")
        }
        // The version comes before the checksum: a newer format may check itself in another way.
        let version = bytes[Self.magic.count]
        guard version <= Self.formatVersion else {
            throw IdempotencyError(
                .unsupportedRecordVersion,
                "A stored record has format \(version), and this release reads up to \(Self.formatVersion). "
                    + "Nothing was run or changed; upgrade this service before it handles such keys."
            )
        }
        guard version >= 1 else { throw ByteReader.corrupt("its format version is \(version)") }
        guard bytes.count > Self.magic.count + 5 else { throw ByteReader.corrupt("it is cut off") }
        var checksum = ByteReader(bytes, bytes.count - 4..<bytes.count)
        guard try checksum.integer(UInt32.self) == CRC32.checksum(of: bytes[..<(bytes.count - 4)]) else {
            throw ByteReader.corrupt("its checksum does not match")
        }
        var reader = ByteReader(bytes, Self.magic.count + 1..<bytes.count - 4)
        try self.init(version: version, &reader)
    }

    private init(version: UInt8, _ reader: inout ByteReader) throws(IdempotencyError) {
        let stateNumber = try reader.byte()
        guard let lapsePolicy = LapsePolicy(rawValue: try reader.byte()) else {
            throw ByteReader.corrupt("its lapse policy is unknown")
        }
        let flags = try reader.byte()
        guard flags <= (version == 1 ? 3 : 7) else { throw ByteReader.corrupt("its flags are unknown") }
        let attempt = try reader.integer(UInt32.self)
        let claimant = Claimant(high: try reader.integer(), low: try reader.integer())
        let token = try reader.integer(UInt64.self)
        let lease = try reader.integer(Nanoseconds.self)
        let retention = try reader.integer(Nanoseconds.self)
        guard lease >= 0, retention >= 0 else { throw ByteReader.corrupt("a span of it is negative") }
        var fingerprint: Fingerprint?
        if flags & 2 != 0 {
            guard let algorithm = Fingerprint.Algorithm(rawValue: try reader.byte()) else {
                throw ByteReader.corrupt("the algorithm of its fingerprint is unknown")
            }
            fingerprint = Fingerprint(algorithm: algorithm, digest: try reader.bytes(32))
        }
        let state = try Self.state(stateNumber, from: &reader)
        var checkpoints: [Checkpoint] = []
        for _ in 0..<(try reader.integer(UInt32.self)) {
            checkpoints.append(Checkpoint(name: try reader.text(), value: try reader.value()))
        }
        let keyDigest = version == 1 ? 0 : try reader.integer(UInt64.self)
        var settlement: Settlement?
        if flags & 4 != 0 { settlement = Settlement(stored: try reader.text(), settledBy: try reader.text()) }
        guard version == 1 || keyDigest != 0 || settlement != nil else {
            throw ByteReader.corrupt("its format has nothing to say")
        }
        guard reader.isAtEnd else { throw ByteReader.corrupt("it is followed by more bytes") }
        self.init(
            state: state,
            attempt: attempt,
            claimant: claimant,
            token: token,
            fingerprint: fingerprint,
            lapsePolicy: lapsePolicy,
            isKnownWithoutEffect: flags & 1 != 0,
            lease: lease,
            retention: retention,
            checkpoints: checkpoints,
            settlement: settlement,
            keyDigest: keyDigest
        )
    }

    private static func state(_ number: UInt8, from reader: inout ByteReader) throws(IdempotencyError) -> State {
        switch number {
        case 1:
            let raw = try reader.byte()
            if raw == 0 { return .pending(unknown: nil) }
            guard let reason = UnknownReason(rawValue: raw) else { throw ByteReader.corrupt("its reason is unknown") }
            return .pending(unknown: reason)
        case 2:
            return .done(try reader.value())
        case 3:
            switch try reader.byte() {
            case 1: return .failed(.final(name: try reader.text(), value: try reader.value()))
            case 2:
                guard let reason = StoredFailure.RetryReason(rawValue: try reader.byte()) else {
                    throw ByteReader.corrupt("its reason is unknown")
                }
                return .failed(.retryable(reason))
            case 3: return .failed(.revoked)
            case 4: return .failed(.attemptsExhausted)
            default: throw ByteReader.corrupt("its failure is unknown")
            }
        default:
            throw ByteReader.corrupt("its state is unknown")
        }
    }

    /// At least as many bytes as the record has, nearly always: what grows while it is written is copied each time.
    private var encodedCapacity: Int {
        let stored =
            switch state {
            case .done(let value), .failed(.final(_, let value)): value.byteCount
            case .pending, .failed: 0
            }
        return checkpoints.reduce(128 + stored) { $0 + 16 + $1.name.utf8.count + $1.value.byteCount }
    }

    private var stateNumber: UInt8 {
        switch state {
        case .pending: 1
        case .done: 2
        case .failed: 3
        }
    }
}
