import Figures
import Idempotency
import IdempotencyInMemory

/// First calls whose handler has a task of its own. So have the writes of the raw limit.
struct OwnTask {
    func run() async throws {
        let workload = try Workload()
        let (keys, results) = (workload.keys, workload.results)
        let writes = try await workload.firstCallWrites()
        try await Pair.measure("first call, handler in its own task", per: keys.count) {
            let raw = RawLimit()
            let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
            return (
                raw: {
                    for (key, writes) in zip(keys, writes) { await Task { raw.make(writes, under: key) }.value }
                },
                ours: {
                    for (key, result) in zip(keys, results) {
                        _ = try await interceptor.idempotent(key: key, task: .own) { _ in result }
                    }
                }
            )
        }
    }
}
