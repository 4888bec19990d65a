import Idempotency
import IdempotencyInMemory
import Synchronization
import TestSupport

/// A store that does one call after the other, each in a millisecond: renewals and finishes first, unless it has a flaw.
final class LineStore: ListableIdempotencyStore {
    enum Flaw: CaseIterable {
        /// Renewals and finishes wait like everybody else.
        case firstComeFirstServed
        /// Everybody waits for a key that is held up.
        case waitsForHeldKeys
        /// A listing or a purge keeps everybody else waiting.
        case slowOperators
        /// A call of a key that is held up does not end.
        case neverGivesUp
        /// Whoever looks waits like everybody else, however long he has.
        case slowLooks
    }

    private struct Item {
        let key: IdempotencyKey?
        let isUrgent: Bool
        let since = ContinuousClock.now
        let turn: UnsafeContinuation<Bool, Never>
    }

    private struct State {
        var urgent: ArraySlice<Item> = []
        var others: ArraySlice<Item> = []
        var held: Set<IdempotencyKey> = []
        var isAtWork = false
        /// For how long nobody has a turn.
        var pause = Duration.zero

        func isFree(_ item: Item) -> Bool { item.key.map { !held.contains($0) } ?? true }
    }

    private let base = InMemoryIdempotencyStore()
    private let flaw: Flaw?
    /// After how long a call of a key that is held up is refused.
    let limit: Duration
    private let state = Mutex(State())

    init(_ flaw: Flaw?, limit: Duration) {
        self.flaw = flaw
        self.limit = limit
    }

    func hold(_ keys: [IdempotencyKey], while body: () async throws -> Void) async throws {
        state.withLock { $0.held = Set(keys) }
        defer { state.withLock { $0.held = [] } }
        try await body()
    }

    private func takeTurn(_ key: IdempotencyKey?, isUrgent: Bool) async throws {
        let hasTurn = await withUnsafeContinuation { turn in
            let item = Item(key: key, isUrgent: isUrgent, turn: turn)
            let starts = state.withLock { state in
                if isUrgent, flaw != .firstComeFirstServed, flaw != .waitsForHeldKeys {
                    state.urgent.append(item)
                } else {
                    state.others.append(item)
                }
                defer { state.isAtWork = true }
                return !state.isAtWork
            }
            if starts { Task.detached { await self.work() } }
        }
        guard hasTurn else { throw IdempotencyError(code: .storeUnavailable, message: "The key is held up.") }
    }

    private func work() async {
        while true {
            let pause = state.withLock { state in
                defer { state.pause = .zero }
                return state.pause
            }
            try? await Task.sleep(for: .milliseconds(1) + pause)
            let (item, late, isIdle) = state.withLock { state in
                let late = takeLate(&state)
                let isIdle = state.urgent.isEmpty && state.others.isEmpty
                state.isAtWork = !isIdle
                return (take(&state), late, isIdle)
            }
            for item in late { item.turn.resume(returning: false) }
            item?.turn.resume(returning: true)
            if isIdle { return }
        }
    }

    /// The calls of held keys that have waited for too long.
    private func takeLate(_ state: inout State) -> [Item] {
        if state.held.isEmpty || flaw == .neverGivesUp { return [] }
        let now = ContinuousClock.now
        var late: [Item] = []
        func takeLate(_ items: inout ArraySlice<Item>) {
            func isLate(_ item: Item) -> Bool { !state.isFree(item) && item.since.duration(to: now) > limit }
            late += items.filter(isLate)
            items.removeAll(where: isLate)
        }
        var (urgent, others) = (state.urgent, state.others)
        takeLate(&urgent)
        takeLate(&others)
        (state.urgent, state.others) = (urgent, others)
        return late
    }

    private func take(_ state: inout State) -> Item? {
        func take(_ items: inout ArraySlice<Item>) -> Item? {
            if let first = items.first, state.isFree(first) { return items.removeFirst() }
            if flaw == .waitsForHeldKeys { return nil }
            return items.firstIndex(where: state.isFree).map { items.remove(at: $0) }
        }
        var (urgent, others) = (state.urgent, state.others)
        defer { (state.urgent, state.others) = (urgent, others) }
        return take(&urgent) ?? take(&others)
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        try await takeTurn(key, isUrgent: flaw != .slowLooks)
        return try await base.load(key)
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try await takeTurn(key, isUrgent: expected != nil)
        return try await base.checkAndSet(key, expecting: expected, change)
    }

    private func operate() async throws {
        try await takeTurn(nil, isUrgent: false)
        if flaw == .slowOperators { state.withLock { $0.pause = .milliseconds(500) } }
    }

    nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        try await operate()
        return try await base.list(query, after: cursor, limit: limit)
    }

    nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        try await operate()
        return try await base.purge(limit: limit)
    }

    nonisolated(nonsending) func check() async throws -> StoreReport { StoreReport(product: "a line", role: .embedded) }
}
