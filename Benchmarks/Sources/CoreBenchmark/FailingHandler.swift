import Figures
import Idempotency
import IdempotencyInMemory

/// First calls whose handler says that its effect did not happen, so that the key may run again.
struct FailingHandler {
    private struct Refused: Error {}

    func run() async throws {
        let workload = try Workload()
        let keys = workload.keys
        let writes = try await RecordingStore.writes(of: keys.count) { interceptor, index in
            try await fail(interceptor, keys[index])
        }
        try await Pair.measure("first call, handler fails", per: keys.count) {
            let raw = RawLimit()
            let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
            return (
                raw: { for (key, writes) in zip(keys, writes) { raw.make(writes, under: key) } },
                ours: { for key in keys { try await fail(interceptor, key) } }
            )
        }
    }

    private func fail(_ interceptor: IdempotencyInterceptor, _ key: IdempotencyKey) async throws {
        do {
            _ = try await interceptor.idempotent(key: key) { _ -> [UInt8] in throw EffectDidNotHappen(Refused()) }
        } catch is Refused {}
    }
}
