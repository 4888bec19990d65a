import Idempotency
import IdempotencyInMemory
import Synchronization

/// A way to a real store that throws what a test wants, with texts of the test's choice.
final class ErringStore: ListableIdempotencyStore {
    private struct State {
        var error: (any Error)?
        var cancelsCallers = false
        var purges: [Int] = []
    }

    private let base: InMemoryIdempotencyStore
    private let state = Mutex(State())

    init(_ base: InMemoryIdempotencyStore) { self.base = base }

    /// What every call throws; `nil`: nothing.
    func fail(with error: (any Error)?) { state.withLock { $0.error = error } }

    /// Cancels the task of the next call that writes, as if its client hung up just then.
    func cancelNextWriter() { state.withLock { $0.cancelsCallers = true } }

    /// How many records each purge took away.
    var purges: [Int] { state.withLock { $0.purges } }

    private func throwError() throws {
        if let error = state.withLock({ $0.error }) { throw error }
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        try throwError()
        return try await base.load(key)
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try throwError()
        let cancels = state.withLock { state in
            defer { state.cancelsCallers = false }
            return state.cancelsCallers
        }
        if cancels { withUnsafeCurrentTask { $0?.cancel() } }
        return try await base.checkAndSet(key, expecting: expected, change)
    }

    nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        try throwError()
        return try await base.list(query, after: cursor, limit: limit)
    }

    nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        try throwError()
        let count = try await base.purge(limit: limit)
        state.withLock { $0.purges.append(count) }
        return count
    }

    nonisolated(nonsending) func check() async throws -> StoreReport {
        try await base.check()
    }
}
