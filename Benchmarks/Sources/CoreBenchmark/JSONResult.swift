import Figures
import Foundation
import Idempotency
import IdempotencyInMemory

/// First calls and replays whose result is kept as JSON. The raw limit encodes and decodes it as well.
struct JSONResult {
    private struct Receipt: Codable {
        var id: String
        var amount: Int
    }

    func run() async throws {
        let workload = try Workload()
        let keys = workload.keys
        let receipt = Receipt(id: "r-1", amount: 42)
        let writes = try await RecordingStore.writes(of: keys.count) { interceptor, index in
            _ = try await interceptor.idempotent(key: keys[index]) { _ in receipt }
        }
        let encoder = JSONEncoder()
        let decoder = JSONDecoder()
        let bytes = [UInt8](try encoder.encode(receipt))
        var first = Pair("first call, JSON result")
        var replay = Pair("replay, JSON result")
        for _ in 0...Effort.rounds(15) {
            let raw = RawLimit()
            let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
            let rawFirst = try await nanoseconds(per: keys.count) {
                for (key, writes) in zip(keys, writes) {
                    let encoded = [UInt8](try encoder.encode(receipt))
                    precondition(encoded.count == bytes.count)
                    raw.make(writes, under: key)
                }
            }
            let oursFirst = try await nanoseconds(per: keys.count) {
                for key in keys { _ = try await interceptor.idempotent(key: key) { _ in receipt } }
            }
            let rawReplay = try await nanoseconds(per: keys.count) {
                for key in keys {
                    precondition(raw.read(key) != nil)
                    let decoded = try decoder.decode(Receipt.self, from: Data(bytes))
                    precondition(decoded.amount == 42)
                }
            }
            let oursReplay = try await nanoseconds(per: keys.count) {
                for key in keys {
                    let kept = try await interceptor.idempotent(key: key) { _ in Receipt(id: "", amount: 0) }
                    precondition(kept.amount == 42)
                }
            }
            first.add(ours: oursFirst, raw: rawFirst)
            replay.add(ours: oursReplay, raw: rawReplay)
        }
        first.report()
        replay.report()
    }
}
