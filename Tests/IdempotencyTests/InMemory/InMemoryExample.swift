@testable import Idempotency
@testable import IdempotencyInMemory

@available(Idempotency 0.1, *)
extension Nanoseconds {
    static func seconds(_ count: Int64) -> Nanoseconds { count * 1_000_000_000 }
}

@available(Idempotency 0.1, *)
extension IdempotencyRecord {
    /// A claim that holds for 30 seconds, and is kept for 100 more if it lapses under `.rerun`.
    static func claim(_ lapsePolicy: LapsePolicy = .rerun, by claimant: Claimant = .first) -> IdempotencyRecord {
        .example(
            claimant: claimant,
            lapsePolicy: lapsePolicy,
            lease: .seconds(30),
            retention: lapsePolicy == .rerun ? .seconds(100) : .max
        )
    }

    /// A result that is kept for 60 seconds.
    static func finished(_ bytes: [UInt8] = [1]) -> IdempotencyRecord {
        .example(.done(.bytes(bytes)), retention: .seconds(60))
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyStore {
    /// Writes, and answers with the version; `nil` for a conflict.
    func write(
        _ record: IdempotencyRecord,
        to key: IdempotencyKey,
        expecting expected: RecordVersion? = nil
    ) async throws -> RecordVersion? {
        switch try await checkAndSet(key, expecting: expected, .write(record)) {
        case .stored(let version): version
        case .conflict: nil
        }
    }

    /// Removes, and answers with the version; `nil` for a conflict.
    func remove(_ key: IdempotencyKey, expecting expected: RecordVersion?) async throws -> RecordVersion? {
        switch try await checkAndSet(key, expecting: expected, .remove) {
        case .stored(let version): version
        case .conflict: nil
        }
    }

    /// What stands in the way of a write, if something does.
    func conflict(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> StoredRecord?? {
        switch try await checkAndSet(key, expecting: expected, change) {
        case .stored: .none
        case .conflict(let found): .some(found)
        }
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyKey {
    static func numbered(_ number: Int) -> IdempotencyKey {
        try! IdempotencyKey(operation: "charge", value: "\(number)")
    }
}
