import Figures
import Idempotency
import IdempotencyInMemory

/// Asks where finished keys stand. The raw limit reads their records.
struct Status {
    func run() async throws {
        let workload = try Workload()
        let keys = workload.keys
        let writes = try await workload.firstCallWrites()
        let raw = RawLimit()
        for (key, writes) in zip(keys, writes) { raw.make(writes, under: key) }
        let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
        try await workload.fill(interceptor)
        try await Pair.measure("status of a finished key", per: keys.count) {
            (
                raw: { for key in keys { precondition(raw.read(key) != nil) } },
                ours: {
                    for key in keys {
                        let status = try await interceptor.status(of: key)
                        guard case .done = status else { preconditionFailure("not done: \(status)") }
                    }
                }
            )
        }
    }
}
