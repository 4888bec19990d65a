#if SQLite
import CSQLiteLoop
import Figures
import Idempotency
import IdempotencySQLite
import StoreWorkloads

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Measures executions and replays on the SQLite store beside plain loops in C, with every commit flushed to the disk.
@main
struct SQLiteBenchmark {
    nonisolated static func main() async throws {
        try await Task.detached {
            if HotKeyPeer.isPeer {
                return try await HotKeyPeer.serve(try await SQLiteIdempotencyStore(path: HotKeyPeer.address))
            }
            try await measure()
        }.value
    }

    private nonisolated static func measure() async throws {
        var template = Array("/var/tmp/idempotency-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for name in ["raw", "ours", "transactions", "shared"] {
                for end in ["", "-wal", "-shm"] { unlink("\(folder)/\(name)\(end)") }
            }
        }
        var single: [Double] = []
        var grouped: [Double] = []
        var reads: [Double] = []
        var ours: [Double] = []
        var alone: [Double] = []
        var replays: [Double] = []
        let (many, few) = (Effort.operations(6400), Effort.operations(500))
        for round in 0..<Effort.rounds(4) {
            let raw = "\(folder)/raw"
            for end in ["", "-wal", "-shm"] { unlink(raw + end) }
            single.append(sqlite_loop_executions(raw, "FULL", Int32(few), 1))
            for end in ["", "-wal", "-shm"] { unlink(raw + end) }
            grouped.append(sqlite_loop_executions(raw, "FULL", Int32(many), 64))
            reads.append(sqlite_loop_reads(raw, Int32(many), Int32(Effort.operations(100_000))))

            let path = "\(folder)/ours"
            for end in ["", "-wal", "-shm"] { unlink(path + end) }
            let store = try await SQLiteIdempotencyStore(path: path)
            let interceptor = IdempotencyInterceptor(store: store)
            let keys = try (0..<many).map { try StoreWorkload.key($0 * 7 + round) }
            ours.append(
                try await StoreWorkload.rate(keys, tasks: StoreWorkload.tasks) { key in
                    _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
                }
            )
            // Another interceptor, which knows nothing of what the first has run.
            let other = IdempotencyInterceptor(store: store)
            replays.append(
                try await StoreWorkload.rate([keys, keys, keys, keys].flatMap(\.self), tasks: StoreWorkload.tasks) {
                    key in
                    _ = try await other.idempotent(key: key) { _ in [UInt8]() }
                }
            )
            let more = try (0..<few).map { try StoreWorkload.key(100_000 + $0 * 7 + round) }
            alone.append(
                try await StoreWorkload.rate(more, tasks: 1) { key in
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
        let shared = try await SQLiteIdempotencyStore(path: "\(folder)/shared")
        let spans = try await HotKeyPeer.measure(shared, at: "\(folder)/shared", first: 700_000_000)
        Figures.report("SQLite, hot key in two processes, after the handler's end", median(spans), .milliseconds)
        await shared.close()
        StoreWorkload.report("SQLite, executions, 64 tasks, of one commit a write", ours, of: single)
        StoreWorkload.report("SQLite, executions, 64 tasks, of 64 writes a commit", ours, of: grouped)
        StoreWorkload.report("SQLite, executions, one task, of one commit a write", alone, of: single)
        StoreWorkload.report("SQLite, replays, 64 tasks, of reads", replays, of: reads)
    }
}
#endif
