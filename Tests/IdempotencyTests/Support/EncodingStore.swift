import Idempotency
import Synchronization

/// A way to shared records that are kept as bytes, as on a server, for one release of the library among several.
///
/// The bytes are beside a store of records, which decides about versions and time.
final class EncodingStore: IdempotencyStore {
    /// The bytes that all releases share.
    final class Disk: Sendable {
        private let bytes = Mutex<[RecordVersion: [UInt8]]>([:])

        subscript(_ version: RecordVersion) -> [UInt8]? {
            get { bytes.withLock { $0[version] } }
            set { bytes.withLock { $0[version] = newValue } }
        }
    }

    let base: any IdempotencyStore
    let disk: Disk
    private let encode: @Sendable (IdempotencyRecord) -> [UInt8]

    /// - Parameter encode: How this release writes.
    init(
        _ base: any IdempotencyStore,
        _ disk: Disk,
        encode: @escaping @Sendable (IdempotencyRecord) -> [UInt8] = { $0.encoded() }
    ) {
        self.base = base
        self.disk = disk
        self.encode = encode
    }

    private func read(_ stored: StoredRecord?) throws -> StoredRecord? {
        guard let stored, let bytes = disk[stored.version] else { return stored }
        return StoredRecord(
            version: stored.version,
            record: try IdempotencyRecord(encoded: bytes),
            remaining: stored.remaining
        )
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        try read(try await base.load(key))
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        switch try await base.checkAndSet(key, expecting: expected, change) {
        case .stored(let version):
            if case .write(let record) = change { disk[version] = encode(record) }
            return .stored(version)
        case .conflict(let found):
            return .conflict(try read(found))
        }
    }
}
