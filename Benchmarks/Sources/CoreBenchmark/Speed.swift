import Idempotency
import IdempotencyInMemory

/// First calls and replays, by one task and by two.
struct Speed {
    static let count = 20_000
    static let rounds = 15
    let keys: [IdempotencyKey]
    let result = [UInt8](repeating: 7, count: 100)

    struct Receipt: Codable, Sendable {
        var id: String
        var amount: Int
    }

    init() throws {
        let scope = try IdempotencyScope("charge")
        keys = (0..<Self.count).map { _ in IdempotencyKey.fresh(in: scope) }
    }

    private func each(_ tasks: Int, _ body: @escaping @Sendable (ArraySlice<IdempotencyKey>) async throws -> Void)
        async throws
    {
        if tasks == 1 { return try await body(keys[...]) }
        let share = keys.count / tasks
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<tasks {
                let part = keys[(index * share)..<((index + 1) * share)]
                group.addTask { try await body(part) }
            }
            try await group.waitForAll()
        }
    }

    func run() async throws {
        let samples = try await sampleRecords()
        var first: [Int: (ours: [Double], base: [Double])] = [1: ([], []), 2: ([], [])]
        var blind: [Int: (ours: [Double], base: [Double])] = [1: ([], []), 2: ([], [])]
        var replay: [Int: (ours: [Double], base: [Double])] = [1: ([], []), 2: ([], [])]
        var json: (first: [Double], replay: [Double]) = ([], [])
        let result = result
        for round in 0...Self.rounds {
            for tasks in [1, 2] {
                let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
                let base = Baseline()
                let unchecked = Baseline()
                let uncheckedFirst = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { keys in
                        for key in keys {
                            unchecked.write(key, samples.pending)
                            unchecked.write(key, samples.done)
                        }
                    }
                }
                let baseFirst = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { keys in
                        for key in keys {
                            precondition(base.checkAndSet(key, expecting: nil, samples.pending))
                            precondition(base.checkAndSet(key, expecting: samples.pending.version, samples.done))
                        }
                    }
                }
                let oursFirst = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { keys in
                        for key in keys { _ = try await interceptor.idempotent(key: key) { _ in result } }
                    }
                }
                let baseReplay = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { keys in
                        for key in keys { precondition(base.read(key) != nil) }
                    }
                }
                let oursReplay = try await nanoseconds(per: keys.count) {
                    try await each(tasks) { keys in
                        for key in keys {
                            let bytes = try await interceptor.idempotent(key: key) { _ in [UInt8]() }
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

    /// The two records that a first call writes.
    private func sampleRecords() async throws -> (pending: StoredRecord, done: StoredRecord) {
        let store = RecordingStore(InMemoryIdempotencyStore())
        let result = result
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: keys[0]) { _ in result }
        let records = store.records.map {
            StoredRecord(version: RecordVersion(rawValue: 1), record: $0, remaining: .seconds(1))
        }
        return (records[0], records[1])
    }
}
