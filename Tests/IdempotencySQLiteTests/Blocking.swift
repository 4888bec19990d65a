#if SQLite
import Dispatch
import Idempotency
import IdempotencySQLite
import Testing

extension SQLiteIdempotencyStore {
    /// Holds up the store's thread until the semaphore is signalled.
    func block() async -> (DispatchSemaphore, Task<Void, any Error>) {
        let (begun, end) = (AsyncStream.makeStream(of: Void.self), DispatchSemaphore(value: 0))
        let task = Task {
            try await SQLiteTransactionalInterceptor(store: self).transaction { _ in
                begun.continuation.finish()
                end.wait()
            }
        }
        for await _ in begun.stream {}
        return (end, task)
    }
}

/// A claim as an interceptor writes it.
func sampleClaim() async throws -> IdempotencyRecord {
    let key = try IdempotencyKey(operation: "sample", value: "any")
    let store = try await SQLiteIdempotencyStore(path: ":memory:")
    let interceptor = IdempotencyInterceptor(store: store)
    var record: IdempotencyRecord?
    try await interceptor.idempotent(key: key) { _ in record = try await store.load(key)?.record }
    return try #require(record)
}
#endif
