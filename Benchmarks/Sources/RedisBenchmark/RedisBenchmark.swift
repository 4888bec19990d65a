#if Redis
import CRedisLoop
import Figures
import Foundation
import Idempotency
import IdempotencyRedis
import StoreWorkloads

/// Measures the Redis store beside plain loops on hiredis, on a server that keeps an append-only file.
///
/// The server's address is in the environment, as `IDEMPOTENCY_REDIS`.
@main
struct RedisBenchmark {
    nonisolated static func main() async throws {
        try await Task.detached {
            if HotKeyPeer.isPeer {
                let client = try HiredisClient(HotKeyPeer.address)
                return try await HotKeyPeer.serve(try await RedisIdempotencyStore(client: client))
            }
            guard let address = ProcessInfo.processInfo.environment["IDEMPOTENCY_REDIS"],
                let port = address.split(separator: ":").last.flatMap({ Int32($0) })
            else {
                print("usage: IDEMPOTENCY_REDIS='redis://127.0.0.1:PORT' RedisBenchmark")
                exit(2)
            }
            try await measure(address, port)
        }.value
    }

    private nonisolated static func measure(_ address: String, _ port: Int32) async throws {
        let client = try HiredisClient(address)
        // A rewrite of the file in the middle of a run would be measured with it, and not in each run.
        _ = try await client.send([
            RedisCommand("FLUSHALL"), RedisCommand("CONFIG", "SET", "auto-aof-rewrite-percentage", "0"),
        ])
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Sources/IdempotencyRedis/Store/check-and-set.lua")
        let script = try String(contentsOf: file, encoding: .utf8)
        let store = try await RedisIdempotencyStore(client: client)
        let interceptor = IdempotencyInterceptor(store: store)
        let tasks = Int32(StoreWorkload.tasks)

        var figures: [String: [Double]] = [:]
        let (many, few) = (Effort.operations(64_000), Effort.operations(6000))
        for round in 0..<Effort.rounds(3) {
            func note(_ name: String, _ rate: Double) {
                precondition(rate > 0, "a loop in C failed")
                figures[name, default: []].append(rate)
            }
            note("C loop, 64 scripts under way", redis_loop_executions(port, script, Int32(many), tasks))
            let keys = try (0..<many).map { try StoreWorkload.key(round * 1_000_000 + $0) }
            note(
                "executions, 64 tasks",
                try await StoreWorkload.rate(keys, tasks: StoreWorkload.tasks) { key in
                    _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
                }
            )
            note("C loop, SETs over 64 connections", redis_loop_sets(port, Int32(many), 64))
            note(
                "C loop, 64 replays under way",
                redis_loop_replays(
                    port,
                    script,
                    Int32(Effort.operations(20_000)),
                    Int32(Effort.operations(200_000)),
                    tasks
                )
            )
            // Another interceptor, which knows nothing of what the first has run.
            let other = IdempotencyInterceptor(store: store)
            note(
                "replays, 64 tasks",
                try await StoreWorkload.rate([keys, keys].flatMap(\.self), tasks: StoreWorkload.tasks) { key in
                    _ = try await other.idempotent(key: key) { _ in [UInt8]() }
                }
            )
            note("C loop, one script at a time", redis_loop_executions(port, script, Int32(few), 1))
            let more = try (0..<few).map { try StoreWorkload.key(round * 1_000_000 + 500_000 + $0) }
            note(
                "executions, one task",
                try await StoreWorkload.rate(more, tasks: 1) { key in
                    _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
                }
            )
        }
        for (name, rates) in figures.sorted(by: { $0.key < $1.key }) {
            Figures.report("Redis, \(name)", median(rates), .perSecond)
        }
        for (ours, raw, name) in [
            ("executions, 64 tasks", "C loop, 64 scripts under way", "of 64 scripts under way"),
            ("executions, 64 tasks", "C loop, SETs over 64 connections", "of SETs over 64 connections"),
            ("replays, 64 tasks", "C loop, 64 replays under way", "of 64 under way"),
            ("executions, one task", "C loop, one script at a time", "of one script at a time"),
        ] {
            StoreWorkload.report("Redis, \(ours), \(name)", figures[ours]!, of: figures[raw]!)
        }
        try await memory(store, client, port)
        let spans = try await HotKeyPeer.measure(store, at: address, first: 700_000_000)
        Figures.report("Redis, hot key in two processes, after the handler's end", median(spans), .milliseconds)
        store.close()
        await client.close()
    }

    /// What a finished key takes of the server's memory, beside one that a plain SET writes with as many bytes.
    private nonisolated static func memory(
        _ store: RedisIdempotencyStore,
        _ client: HiredisClient,
        _ port: Int32
    ) async throws {
        func used() async throws -> Double {
            guard case .bytes(let info) = try await client.send([RedisCommand("INFO", "memory")])[0] else { return 0 }
            let line = String(decoding: info, as: UTF8.self).split(whereSeparator: \.isNewline)
                .first { $0.hasPrefix("used_memory:") }
            return line.flatMap { Double($0.dropFirst(12)) } ?? 0
        }
        // So many that the table of keys is as full in both cases.
        let count = Effort.operations(100_000)
        _ = try await client.send([RedisCommand("FLUSHALL")])
        let before = try await used()
        let interceptor = IdempotencyInterceptor(store: store)
        let keys = try (0..<count).map { try StoreWorkload.key(600_000_000 + $0) }
        _ = try await StoreWorkload.rate(keys, tasks: StoreWorkload.tasks) { key in
            _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
        }
        let ours = (try await used() - before) / Double(count / StoreWorkload.tasks * StoreWorkload.tasks)
        _ = try await client.send([RedisCommand("FLUSHALL")])
        let record = try await finishedSize(interceptor, client)
        let plain = redis_loop_memory(port, Int32(count), Int32(record))
        Figures.report("Redis, memory of a finished key", ours, .bytes)
        Figures.report("Redis, memory of a finished key, of a plain SET", ours / plain, .ratio)
    }

    /// How many bytes the record of a finished key has, without the store's own.
    private nonisolated static func finishedSize(
        _ interceptor: IdempotencyInterceptor,
        _ client: HiredisClient
    ) async throws -> Int {
        _ = try await interceptor.idempotent(key: StoreWorkload.key(650_000_000)) { _ in
            [UInt8](repeating: 7, count: 100)
        }
        var sizes: [Int] = []
        if case .array(let names) = try await client.send([RedisCommand("KEYS", "idempotency:*/*")])[0] {
            for case .bytes(let name) in names {
                if case .integer(let size) = try await client.send([RedisCommand("STRLEN", [name])])[0] {
                    sizes.append(Int(size))
                }
            }
        }
        precondition(sizes.count == 1, "one key was expected")
        return sizes[0] - 16
    }
}
#endif
