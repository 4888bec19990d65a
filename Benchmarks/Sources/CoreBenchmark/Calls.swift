import Figures
import Idempotency
import IdempotencyInMemory

/// First calls and replays, by one task and by two.
struct Calls {
    private let workload: Workload

    init() throws {
        workload = try Workload()
    }

    func run() async throws {
        let (keys, results) = (workload.keys, workload.results)
        let writes = try await workload.firstCallWrites()
        var first = [Pair("first call, one task"), Pair("first call, two tasks")]
        var unchecked = Pair("first call, one task, over unchecked writes")
        var replay = [Pair("replay, one task"), Pair("replay, two tasks")]
        for _ in 0...Effort.rounds(15) {
            for tasks in [1, 2] {
                let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
                let raw = RawLimit()
                let rawUnchecked = RawLimit()
                let uncheckedWrites = try await time(tasks) { part in
                    for index in part { rawUnchecked.makeUnchecked(writes[index], under: keys[index]) }
                }
                let rawFirst = try await time(tasks) { part in
                    for index in part { raw.make(writes[index], under: keys[index]) }
                }
                let oursFirst = try await time(tasks) { part in
                    for index in part {
                        _ = try await interceptor.idempotent(key: keys[index]) { _ in results[index] }
                    }
                }
                let rawReplay = try await time(tasks) { part in
                    for index in part { precondition(raw.read(keys[index]) != nil) }
                }
                let oursReplay = try await time(tasks) { part in
                    for index in part {
                        let bytes = try await interceptor.idempotent(key: keys[index]) { _ in [UInt8]() }
                        precondition(bytes.count == 100)
                    }
                }
                first[tasks - 1].add(ours: oursFirst, raw: rawFirst)
                replay[tasks - 1].add(ours: oursReplay, raw: rawReplay)
                if tasks == 1 { unchecked.add(ours: oursFirst, raw: uncheckedWrites) }
            }
        }
        for pair in first + replay { pair.report() }
        report(unchecked.name, unchecked.ratio, .ratio)
        reportGain("first call, gain of a second task", first)
        reportGain("replay, gain of a second task", replay)
    }

    /// The time of all keys, shared out among so many tasks, in nanoseconds a key.
    private func time(
        _ tasks: Int,
        _ body: @escaping @Sendable (Range<Int>) async throws -> Void
    ) async throws -> Double {
        try await nanoseconds(per: workload.count) {
            if tasks == 1 { return try await body(0..<workload.count) }
            let share = workload.count / tasks
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<tasks {
                    group.addTask { try await body((index * share)..<((index + 1) * share)) }
                }
                try await group.waitForAll()
            }
        }
    }

    /// - Parameter pairs: With one task, and with two.
    private func reportGain(_ name: String, _ pairs: [Pair]) {
        let ours = pairs[0].medianOfOurs / pairs[1].medianOfOurs
        let raw = pairs[0].medianOfRaw / pairs[1].medianOfRaw
        report(name, ours, .gain)
        report("\(name), raw limit", raw, .gain)
        report(name, ours / raw, .part)
    }
}
