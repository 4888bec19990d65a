import Synchronization

/// The room that all shards share: how many records may be held, and are.
@available(Idempotency 0.1, *)
final class Room: Sendable {
    let capacity: Int
    private let taken = Atomic(0)

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { taken.load(ordering: .relaxed) }

    /// Takes room for one record, if there is any.
    func take() -> Bool {
        if taken.wrappingAdd(1, ordering: .relaxed).newValue <= capacity { return true }
        giveBack()
        return false
    }

    func giveBack() {
        taken.wrappingSubtract(1, ordering: .relaxed)
    }
}
