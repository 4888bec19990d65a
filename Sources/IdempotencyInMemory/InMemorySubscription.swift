internal import Idempotency

/// A waiting caller's wish to be woken.
@available(Idempotency 0.1, *)
struct InMemorySubscription: StoreSubscription {
    let shard: Shard
    let key: IdempotencyKey
    let id: UInt64

    func cancel() {
        shard.withState { $0.unsubscribe(key, id) }
    }
}
