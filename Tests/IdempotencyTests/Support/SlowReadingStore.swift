import Idempotency
import Synchronization
import TestSupport

/// A store that wakes, and whose n-th read can be held between the reading and the reply.
final class SlowReadingStore: WakingIdempotencyStore {
    private let base: any WakingIdempotencyStore
    private let heldRead: Int
    private let loads = Atomic(0)
    /// Opens when the held read has read.
    let hasRead = Gate()
    /// Lets its reply through.
    let reply = Gate()

    init(_ base: any WakingIdempotencyStore, holdingRead number: Int) {
        self.base = base
        heldRead = number
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let found = try await base.load(key)
        if loads.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue == heldRead {
            hasRead.open()
            await reply.pass()
        }
        return found
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try await base.checkAndSet(key, expecting: expected, change)
    }

    nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        try await base.subscribe(to: key, onChange: onChange)
    }
}
