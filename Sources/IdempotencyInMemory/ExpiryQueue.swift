internal import Idempotency

/// The entries that expire, the earliest first: a binary heap in which each entry knows its place, so that a change moves
/// it and nothing stale is left behind.
@available(Idempotency 0.1, *)
struct ExpiryQueue {
    private struct Item {
        var expiry: Nanoseconds
        unowned(unsafe) let entry: Entry
    }

    // The table owns the entries; an entry leaves the queue before it leaves the table.
    private var items: [Item] = []

    /// How many entries it has room for without growing.
    var capacity: Int { items.capacity }

    /// The entry that expires first, if it is time.
    func first(expiredAt now: Nanoseconds) -> Entry? {
        guard let first = items.first, first.expiry <= now else { return nil }
        return first.entry
    }

    /// Puts an entry where its expiry belongs, or takes it out if it never expires.
    mutating func update(_ entry: Entry) {
        let expiry = entry.expiry
        guard expiry != .max else { return remove(entry) }
        if entry.queueIndex < 0 {
            entry.queueIndex = Int32(items.count)
            items.append(Item(expiry: expiry, entry: entry))
            siftUp(items.count - 1)
        } else {
            let index = Int(entry.queueIndex)
            items[index].expiry = expiry
            siftDown(siftUp(index))
        }
    }

    /// Takes an entry out.
    mutating func remove(_ entry: Entry) {
        let index = Int(entry.queueIndex)
        guard index >= 0 else { return }
        entry.queueIndex = -1
        let last = items.removeLast()
        if index < items.count {
            place(last, at: index)
            siftDown(siftUp(index))
        }
        // An array does not shrink by itself, and `Array(items)` would share its memory.
        if items.capacity > 64, items.count < items.capacity / 4 { items = items.map { $0 } }
    }

    private mutating func place(_ item: Item, at index: Int) {
        items[index] = item
        item.entry.queueIndex = Int32(index)
    }

    @discardableResult
    private mutating func siftUp(_ start: Int) -> Int {
        let item = items[start]
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard item.expiry < items[parent].expiry else { break }
            place(items[parent], at: index)
            index = parent
        }
        if index != start { place(item, at: index) }
        return index
    }

    private mutating func siftDown(_ start: Int) {
        let item = items[start]
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < items.count else { break }
            if child + 1 < items.count, items[child + 1].expiry < items[child].expiry { child += 1 }
            guard items[child].expiry < item.expiry else { break }
            place(items[child], at: index)
            index = child
        }
        if index != start { place(item, at: index) }
    }
}
