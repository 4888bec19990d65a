#if SQLite
import CSQLiteLoop
import Figures
import Idempotency
import IdempotencySQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Measures executions and replays on the SQLite store beside plain loops in C, with every commit flushed to the disk.
@main
struct SQLiteBenchmark {
    static let tasks = 64

    nonisolated static func main() async throws {
        try await Task.detached { try await measure() }.value
    }

    private nonisolated static func measure() async throws {
        var template = Array("/var/tmp/idempotency-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for name in ["raw", "ours", "transactions"] { for end in ["", "-wal", "-shm"] { unlink("\(folder)/\(name)\(end)") } }
        }
        var single: [Double] = []
        var grouped: [Double] = []
        var reads: [Double] = []
        var ours: [Double] = []
        var alone: [Double] = []
        var replays: [Double] = []
        for round in 0..<4 {
            let raw = "\(folder)/raw"
            for end in ["", "-wal", "-shm"] { unlink(raw + end) }
            single.append(sqlite_loop_executions(raw, "FULL", 500, 1))
            for end in ["", "-wal", "-shm"] { unlink(raw + end) }
            grouped.append(sqlite_loop_executions(raw, "FULL", 6400, 64))
            reads.append(sqlite_loop_reads(raw, 6400, 100_000))

            let path = "\(folder)/ours"
            for end in ["", "-wal", "-shm"] { unlink(path + end) }
            let store = try await SQLiteIdempotencyStore(path: path)
            let interceptor = IdempotencyInterceptor(store: store)
            let keys = try (0..<6400).map { try key($0, round) }
            ours.append(
                try await rate(keys, tasks: tasks) { key in
                    _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
                }
            )
            // Another interceptor, which knows nothing of what the first has run.
            let other = IdempotencyInterceptor(store: store)
            replays.append(
                try await rate(keys, tasks: tasks) { key in
                    _ = try await other.idempotent(key: key) { _ in [UInt8]() }
                }
            )
            let more = try (0..<500).map { try key(100_000 + $0, round) }
            alone.append(
                try await rate(more, tasks: 1) { key in
                    _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
                }
            )
            await store.close()
        }
        for (name, rates) in [
            ("SQLite, executions, 64 tasks", ours), ("SQLite, executions, one task", alone),
            ("SQLite, replays, 64 tasks", replays), ("SQLite, C loop, one commit a write", single),
            ("SQLite, C loop, 64 writes a commit", grouped), ("SQLite, C loop, reads", reads),
        ] {
            precondition(rates.allSatisfy { $0 > 0 }, "the loop in C failed")
            Figures.report(name, median(rates), .perSecond)
        }
        try await Transactions.measure(in: folder)
        report("SQLite, executions, 64 tasks, of one commit a write", ours, of: single)
        report("SQLite, executions, 64 tasks, of 64 writes a commit", ours, of: grouped)
        report("SQLite, executions, one task, of one commit a write", alone, of: single)
        report("SQLite, replays, 64 tasks, of reads", replays, of: reads)
    }

    nonisolated static func key(_ number: Int, _ round: Int) throws -> IdempotencyKey {
        try IdempotencyKey(operation: "charge", value: "00000000-0000-4000-8000-\(1_000_000_000 + number * 7 + round)")
    }

    /// Operations a second.
    nonisolated static func rate(
        _ keys: [IdempotencyKey],
        tasks: Int,
        _ body: @escaping @Sendable (IdempotencyKey) async throws -> Void
    ) async throws -> Double {
        let share = keys.count / tasks
        return 1e9
            / (try await nanoseconds(per: share * tasks) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<tasks {
                        group.addTask { for key in keys[(task * share)..<((task + 1) * share)] { try await body(key) } }
                    }
                    try await group.waitForAll()
                }
            })
    }

    nonisolated static func report(_ name: String, _ ours: [Double], of raw: [Double]) {
        Figures.report(name, median(zip(ours, raw).map { $0 / $1 }), .part)
    }
}
#endif
