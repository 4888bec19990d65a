import Figures
import Idempotency

/// Keys, and a result of 100 bytes for each.
struct Workload: Sendable {
    let keys: [IdempotencyKey]
    /// One for each key, as in a service: two tasks that counted the references of one array would get into each
    /// other's way.
    let results: [[UInt8]]

    init(count: Int = 20_000) throws {
        let count = Effort.operations(count)
        let scope = try IdempotencyScope("charge")
        keys = (0..<count).map { _ in IdempotencyKey.fresh(in: scope) }
        results = (0..<count).map { [UInt8](repeating: UInt8($0 & 255), count: 100) }
    }

    var count: Int { keys.count }

    /// The two writes of each key's first call.
    func firstCallWrites() async throws -> [[StoredRecord]] {
        try await RecordingStore.writes(of: count) { interceptor, index in
            _ = try await interceptor.idempotent(key: keys[index]) { _ in results[index] }
        }
    }

    /// Runs every key once.
    func fill(_ interceptor: IdempotencyInterceptor) async throws {
        for (key, result) in zip(keys, results) {
            _ = try await interceptor.idempotent(key: key) { _ in result }
        }
    }
}
