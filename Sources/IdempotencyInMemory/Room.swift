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
        var known = taken.load(ordering: .relaxed)
        while known < capacity {
            let (isTaken, actual) = taken.weakCompareExchange(expected: known, desired: known + 1, ordering: .relaxed)
            if isTaken { return true }
            known = actual
        }
        return false
    }

    func giveBack() {
        taken.wrappingSubtract(1, ordering: .relaxed)
    }
}
