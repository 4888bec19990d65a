import Idempotency
import IdempotencyInMemory

/// First calls and replays, by one task and by two.
struct Speed {
    static let count = 20_000
    static let rounds = 15
    let keys: [IdempotencyKey]
    /// One for each key, as in a service: two tasks that counted the references of one array would get into each other's way.
    let results: [[UInt8]]

    struct Receipt: Codable, Sendable {
        var id: String
        var amount: Int
    }

    init() throws {
        let scope = try IdempotencyScope("charge")
        keys = (0..<Self.count).map { _ in IdempotencyKey.fresh(in: scope) }
        results = (0..<Self.count).map { [UInt8](repeating: UInt8($0 & 255), count: 100) }
    }

    private func each(_ tasks: Int, _ body: @escaping @Sendable (Range<Int>) async throws -> Void) async throws {
        if tasks == 1 { return try await body(keys.indices) }
        let share = keys.count / tasks
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<tasks {
                group.addTask { try await body((index * share)..<((index + 1) * share)) }
            }
            try await group.waitForAll()
        }
    }

    func run() async throws {
        let records = try await recordedWrites()
        let keys = keys
        let results = results
        var first: [Int: (ours: [Double], base: [Double])] = [1: ([], []), 2: ([], [])]
        var blind: [Int: (ours: [Double], base: [Double])] = [1: ([], []), 2: ([], [])]
        var replay: [Int: (ours: [Double], base: [Double])] = [1: ([], []), 2: ([], [])]
        var json: (first: [Double], replay: [Double]) = ([], [])
        for round in 0...Self.rounds {
            for tasks in [1, 2] {
                let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
                let base = Baseline()
                let unchecked = Baseline()
                let uncheckedFirst = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { part in
                        for index in part {
                            unchecked.write(keys[index], records[index].pending)
                            unchecked.write(keys[index], records[index].done)
                        }
                    }
                }
                let baseFirst = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { part in
                        for index in part {
                            let (pending, done) = records[index]
                            precondition(base.checkAndSet(keys[index], expecting: nil, pending))
                            precondition(base.checkAndSet(keys[index], expecting: pending.version, done))
                        }
                    }
                }
                let oursFirst = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { part in
                        for index in part {
                            _ = try await interceptor.idempotent(key: keys[index]) { _ in results[index] }
                        }
                    }
                }
                let baseReplay = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { part in
                        for index in part { precondition(base.read(keys[index]) != nil) }
                    }
                }
                let oursReplay = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { part in
                        for index in part {
                            let bytes = try await interceptor.idempotent(key: keys[index]) { _ in [UInt8]() }
                            precondition(bytes.count == 100)
                        }
                    }
                }
                guard round > 0 else { continue }
                first[tasks]!.ours.append(oursFirst)
                first[tasks]!.base.append(baseFirst)
                blind[tasks]!.ours.append(oursFirst)
                blind[tasks]!.base.append(uncheckedFirst)
                replay[tasks]!.ours.append(oursReplay)
                replay[tasks]!.base.append(baseReplay)
            }
            let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
            let jsonFirst = try await nanoseconds(per: keys.count) {
                for key in keys {
                    _ = try await interceptor.idempotent(key: key) { _ in Receipt(id: "r-1", amount: 42) }
                }
            }
            let jsonReplay = try await nanoseconds(per: keys.count) {
                for key in keys {
                    let receipt = try await interceptor.idempotent(key: key) { _ in Receipt(id: "", amount: 0) }
                    precondition(receipt.amount == 42)
                }
            }
            if round > 0 {
                json.first.append(jsonFirst)
                json.replay.append(jsonReplay)
            }
        }
        for (name, figures) in [("first call", first), ("replay", replay)] {
            for tasks in [1, 2] {
                let (ours, base) = figures[tasks]!
                report("\(name), \(tasks) task(s)", median(ours), "ns")
                report("\(name), \(tasks) task(s), baseline", median(base), "ns")
                report("\(name), \(tasks) task(s), ratio to baseline", median(zip(ours, base).map { $0 / $1 }), "x")
            }
            let gain = median(figures[1]!.ours) / median(figures[2]!.ours)
            let baseGain = median(figures[1]!.base) / median(figures[2]!.base)
            report("\(name), gain of two tasks", gain, "x")
            report("\(name), gain of two tasks, baseline", baseGain, "x")
            report("\(name), gain of two tasks, ratio to baseline", gain / baseGain, "x")
        }
        for tasks in [1, 2] {
            let (ours, base) = blind[tasks]!
            let ratio = median(zip(ours, base).map { $0 / $1 })
            report("first call, \(tasks) task(s), ratio to writes without a check", ratio, "x")
        }
        report("first call, JSON result", median(json.first), "ns")
        report("replay, JSON result", median(json.replay), "ns")
    }

    /// The two records that the first call of each key writes.
    private func recordedWrites() async throws -> [(pending: StoredRecord, done: StoredRecord)] {
        let store = RecordingStore(InMemoryIdempotencyStore())
        let interceptor = IdempotencyInterceptor(store: store)
        for (key, result) in zip(keys, results) { _ = try await interceptor.idempotent(key: key) { _ in result } }
        let writes = store.records.enumerated().map { index, record in
            StoredRecord(version: RecordVersion(rawValue: UInt64(index + 1)), record: record, remaining: .seconds(1))
        }
        return stride(from: 0, to: writes.count, by: 2).map { (writes[$0], writes[$0 + 1]) }
    }
}
