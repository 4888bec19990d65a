import Figures
import Idempotency
import IdempotencyInMemory

/// Runs of ten steps, each with a result of 100 bytes. The raw limit makes the same twelve writes.
struct Steps {
    private let names = (1...10).map { "step \($0)" }

    func run() async throws {
        let workload = try Workload(count: 2000)
        let (keys, results) = (workload.keys, workload.results)
        let writes = try await RecordingStore.writes(of: keys.count) { interceptor, index in
            try await takeSteps(interceptor, keys[index], results[index])
        }
        try await Pair.measure("run of ten steps, each step", per: keys.count * names.count) {
            let raw = RawLimit()
            let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
            return (
                raw: { for (key, writes) in zip(keys, writes) { raw.make(writes, under: key) } },
                ours: {
                    for (key, result) in zip(keys, results) { try await takeSteps(interceptor, key, result) }
                }
            )
        }
    }

    private func takeSteps(
        _ interceptor: IdempotencyInterceptor,
        _ key: IdempotencyKey,
        _ result: [UInt8]
    ) async throws {
        _ = try await interceptor.idempotent(key: key) { execution in
            for name in names { _ = try await execution.step(name) { result } }
            return result
        }
    }
}
