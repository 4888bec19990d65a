#if PostgreSQL
import CPostgreSQLLoop
import Figures
import Foundation
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import StoreWorkloads

/// Measures the PostgreSQL store beside pgbench and a plain loop on libpq, with every commit flushed to the disk.
///
/// The server's address is in the environment, as `IDEMPOTENCY_POSTGRESQL`.
@main
struct PostgreSQLBenchmark {
    nonisolated static func main() async throws {
        try await Task.detached {
            if HotKeyPeer.isPeer {
                return try await HotKeyPeer.serve(try await PostgreSQLIdempotencyStore(HotKeyPeer.address))
            }
            guard let connection = ProcessInfo.processInfo.environment["IDEMPOTENCY_POSTGRESQL"] else {
                print("usage: IDEMPOTENCY_POSTGRESQL='host=… port=… …' PostgreSQLBenchmark")
                exit(2)
            }
            try await measure(connection)
        }.value
    }

    private nonisolated static func measure(_ connection: String) async throws {
        let store = try await PostgreSQLIdempotencyStore(connection)
        let ledger = TransactionalInterceptor(store: store)
        try await prepare(ledger)
        let folder = FileManager.default.temporaryDirectory.path + "/idempotency-bench-\(UUID())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let pgbench = PGBench(connection: connection, folder: folder)

        var figures: [String: [Double]] = [:]
        let interceptor = IdempotencyInterceptor(store: store)
        let few = Effort.operations(1000)
        for round in 0..<Effort.rounds(3) {
            func note(_ name: String, _ rate: Double) { figures[name, default: []].append(rate) }
            note(
                "pgbench, executions",
                try [8, 16].map {
                    try pgbench.rate(PGBench.execution, connections: $0, count: Effort.operations(16_000))
                }.max()!
            )
            let keys = try (0..<Effort.operations(25_600)).map { try StoreWorkload.key(round * 1_000_000 + $0) }
            note(
                "executions, 64 tasks",
                try await StoreWorkload.rate(keys, tasks: StoreWorkload.tasks) { key in
                    _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
                }
            )
            note(
                "pgbench, reads",
                try [8, 16].map { try pgbench.rate(PGBench.replay, connections: $0, count: Effort.operations(64_000)) }
                    .max()!
            )
            // Another interceptor, which knows nothing of what the first has run.
            let other = IdempotencyInterceptor(store: store)
            note(
                "replays, 64 tasks",
                try await StoreWorkload.rate(keys, tasks: StoreWorkload.tasks) { key in
                    _ = try await other.idempotent(key: key) { _ in [UInt8]() }
                }
            )
            let loop = postgresql_loop_executions(connection, Int32(round * 1_000_000), Int32(few))
            precondition(loop > 0, "the loop on libpq failed")
            note("libpq, executions", loop)
            let more = try (0..<few).map { try StoreWorkload.key(round * 1_000_000 + 500_000 + $0) }
            note(
                "executions, one task",
                try await StoreWorkload.rate(more, tasks: 1) { key in
                    _ = try await interceptor.idempotent(key: key) { _ in [UInt8](repeating: 7, count: 100) }
                }
            )
        }
        for (name, rates) in figures.sorted(by: { $0.key < $1.key }) {
            Figures.report("PostgreSQL, \(name)", median(rates), .perSecond)
        }
        for (ours, raw) in [
            ("executions, 64 tasks", "pgbench, executions"), ("replays, 64 tasks", "pgbench, reads"),
            ("executions, one task", "libpq, executions"),
        ] {
            StoreWorkload.report("PostgreSQL, \(ours), of \(raw)", figures[ours]!, of: figures[raw]!)
        }
        try await transactions(ledger)
        let spans = try await HotKeyPeer.measure(store, at: connection, first: 700_000_000)
        Figures.report("PostgreSQL, hot key in two processes, after the handler's end", median(spans), .milliseconds)
        await store.close()
    }

    private nonisolated static func prepare(_ ledger: TransactionalInterceptor) async throws {
        try await ledger.transaction { transaction in
            for table in ["raw", "accounts", "results"] {
                try await transaction.execute("DROP TABLE IF EXISTS \(identifier: table)")
            }
            try await transaction.execute("TRUNCATE idempotency_records")
            try await transaction.execute(
                """
                CREATE TABLE raw (scope text COLLATE "C", key text COLLATE "C", version bigint NOT NULL, expires_at bigint NOT NULL,
                    record bytea NOT NULL, PRIMARY KEY (scope, key))
                """
            )
            try await transaction.execute(
                """
                INSERT INTO raw SELECT 'charge', 'replay-0000-4000-8000-00000' || number, 2, 2, decode(repeat('07', 190), 'hex')
                FROM generate_series(1, 20000) AS number
                """
            )
            try await transaction.execute("CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL)")
            try await transaction.execute("CREATE TABLE results (key text PRIMARY KEY, result bytea NOT NULL)")
            try await transaction.execute("INSERT INTO accounts SELECT id, 0 FROM generate_series(0, 9999) AS id")
        }
    }

    private nonisolated static func transactions(_ ledger: TransactionalInterceptor) async throws {
        try await StoreWorkload.compareTransactions("PostgreSQL, transactions", perTask: 50, first: 800_000_000) {
            key in
            _ = try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.execute(effect(of: key))
                return [UInt8](repeating: 7, count: 100)
            }
        } byHand: { key in
            try await ledger.transaction { transaction in
                try await transaction.execute(effect(of: key))
                try await transaction.execute(
                    "INSERT INTO results VALUES (\(key.value), \([UInt8](repeating: 7, count: 100)))"
                )
            }
        }
    }

    private nonisolated static func effect(of key: IdempotencyKey) -> SQLStatement {
        let account = key.value.utf8.reduce(0) { ($0 * 31 + Int($1)) % 10_000 }
        return "UPDATE accounts SET balance = balance + 1 WHERE id = \(account)"
    }
}
#endif
