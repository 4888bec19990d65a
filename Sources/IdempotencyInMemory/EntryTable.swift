internal import Idempotency

/// The entries of a shard by key: a hash table whose chains run through the entries themselves, so that a slot is one
/// reference, and a look costs one comparison of hashes that the keys brought along.
@available(Idempotency 0.1, *)
struct EntryTable {
    private var chains: [Entry?]
    private(set) var count = 0

    init() {
        chains = Array(repeating: nil, count: Self.leastCapacity)
    }

    /// How many entries it takes before it grows.
    var capacity: Int { chains.count }

    private static let leastCapacity = 8

    func entry(of key: IdempotencyKey) -> Entry? {
        let hash = Self.hash(of: key)
        var next = chains[index(hash)]
        while let entry = next {
            if entry.hash == hash, entry.key == key { return entry }
            next = entry.next
        }
        return nil
    }

    /// Calls the body for each entry, in no order.
    func forEach(_ body: (Entry) -> Void) {
        for chain in chains {
            var next = chain
            while let entry = next {
                body(entry)
                next = entry.next
            }
        }
    }

    /// Adds an entry whose key is not there yet.
    mutating func insert(_ entry: Entry) {
        if count == chains.count { resize(to: 2 * chains.count) }
        link(entry)
        count += 1
    }

    /// Takes out an entry that is there.
    mutating func remove(_ entry: Entry) {
        let index = index(entry.hash)
        if chains[index] === entry {
            chains[index] = entry.next
        } else {
            var previous = chains[index]
            while let current = previous, current.next !== entry { previous = current.next }
            previous?.next = entry.next
        }
        entry.next = nil
        count -= 1
        if chains.count > Self.leastCapacity, count < chains.count / 4 { resize(to: chains.count / 2) }
    }

    /// The bits that neither the shards are told apart by, nor the flights of an interceptor.
    static func hash(of key: IdempotencyKey) -> UInt32 {
        UInt32(truncatingIfNeeded: key.storedHash >> 16)
    }

    private func index(_ hash: UInt32) -> Int {
        Int(hash) & (chains.count - 1)
    }

    private mutating func link(_ entry: Entry) {
        var head: Entry? = entry
        swap(&head, &chains[index(entry.hash)])
        entry.next = head
    }

    private mutating func resize(to capacity: Int) {
        var old = Array<Entry?>(repeating: nil, count: capacity)
        swap(&old, &chains)
        for index in old.indices {
            var next: Entry?
            swap(&next, &old[index])
            while let entry = next {
                next = entry.next
                link(entry)
            }
        }
    }
}
