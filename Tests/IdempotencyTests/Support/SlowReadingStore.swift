import Idempotency
import Synchronization
import TestSupport

/// A store that wakes, and whose n-th read can be held between the reading and the reply; or whose subscriptions can.
final class SlowReadingStore: WakingIdempotencyStore {
    private let base: any WakingIdempotencyStore
    private let heldRead: Int
    private let holdsSubscriptions: Bool
    private let open = Atomic(0)
    private let loads = Atomic(0)
    /// Opens when the held read has read.
    let hasRead = Gate()
    /// Lets its reply through.
    let reply = Gate()

    /// How many subscriptions were made and not cancelled.
    var openSubscriptions: Int { open.load(ordering: .sequentiallyConsistent) }

    /// - Parameter number: Which read is held; 0: none.
    init(_ base: any WakingIdempotencyStore, holdingRead number: Int, holdingSubscriptions: Bool = false) {
        self.base = base
        heldRead = number
        holdsSubscriptions = holdingSubscriptions
    }

    private final class Subscription: StoreSubscription {
        let base: any StoreSubscription
        let store: SlowReadingStore

        init(_ base: any StoreSubscription, _ store: SlowReadingStore) {
            self.base = base
            self.store = store
            store.open.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }

        func cancel() {
            base.cancel()
            store.open.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        }
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
        if holdsSubscriptions {
            hasRead.open()
            await reply.pass()
        }
        return Subscription(try await base.subscribe(to: key, onChange: onChange), self)
    }
}
