/// Numbers ordered by deadline: a binary heap from which cancelled ones are dropped when they are many.
@available(Idempotency 0.1, *)
struct DeadlineQueue {
    private struct Item {
        let deadline: Nanoseconds
        let number: UInt64
    }

    private var items: [Item] = []

    var earliest: Nanoseconds? { items.first?.deadline }

    mutating func insert(_ number: UInt64, at deadline: Nanoseconds) {
        items.append(Item(deadline: deadline, number: number))
        var index = items.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard items[index].deadline < items[parent].deadline else { break }
            items.swapAt(index, parent)
            index = parent
        }
    }

    /// Takes out all that are due, the earliest first.
    mutating func removeAll(until now: Nanoseconds) -> [UInt64] {
        var due: [UInt64] = []
        while let first = items.first, first.deadline <= now {
            due.append(first.number)
            removeFirst()
        }
        return due
    }

    /// Takes out the earliest.
    @discardableResult
    mutating func removeFirst() -> UInt64? {
        guard let first = items.first else { return nil }
        items.swapAt(0, items.count - 1)
        items.removeLast()
        siftDown()
        return first.number
    }

    /// Drops what is cancelled once it outweighs what is not.
    mutating func dropStale(live: Int, isLive: (UInt64) -> Bool) {
        guard items.count > 64, items.count > 2 * live else { return }
        // A sorted array is a heap.
        items = items.filter { isLive($0.number) }.sorted { $0.deadline < $1.deadline }
    }

    private mutating func siftDown() {
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < items.count {
                if items[child].deadline < items[least].deadline { least = child }
            }
            guard least != index else { return }
            items.swapAt(index, least)
            index = least
        }
    }
}
