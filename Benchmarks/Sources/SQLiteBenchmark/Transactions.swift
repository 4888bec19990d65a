#if SQLite
import Figures
import Idempotency
import IdempotencySQL
import IdempotencySQLite

/// Measures transactional mode beside the same transactions written by hand: the same client, the same statements, and a
/// row for the result instead of a record.
enum Transactions {
    private typealias Rate = (_ keys: [IdempotencyKey], _ tasks: Int) async throws -> Double

    nonisolated static func measure(in folder: String) async throws {
        let store = try await SQLiteIdempotencyStore(path: "\(folder)/transactions")
        let threaded = SQLiteTransactionalInterceptor(store: store)
        let elsewhere = TransactionalInterceptor(store: store)
        try await threaded.transaction { transaction in
            try transaction.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
            try transaction.execute("CREATE TABLE results (key TEXT PRIMARY KEY, result BLOB NOT NULL)")
            for account in 0..<1000 { try transaction.execute("INSERT INTO accounts VALUES (\(account), 0)") }
        }
        try await compare("on the store's thread", perTask: 40) { key in
            _ = try await threaded.idempotent(key: key) { transaction, _ in
                try transaction.execute(effect(of: key))
                return [UInt8](repeating: 7, count: 100)
            }
        } byHand: { key in
            try await threaded.transaction { transaction in
                try transaction.execute(effect(of: key))
                try transaction.execute(result(of: key))
            }
        }
        try await compare("in its own task", perTask: 20) { key in
            _ = try await elsewhere.idempotent(key: key) { transaction, _ in
                try await transaction.execute(effect(of: key))
                return [UInt8](repeating: 7, count: 100)
            }
        } byHand: { key in
            try await elsewhere.transaction { transaction in
                try await transaction.execute(effect(of: key))
                try await transaction.execute(result(of: key))
            }
        }
        await store.close()
    }

    private nonisolated static func effect(of key: IdempotencyKey) -> SQLStatement {
        "UPDATE accounts SET balance = balance + 1 WHERE id = \(key.value.utf8.reduce(0) { ($0 * 31 + Int($1)) % 1000 })"
    }

    private nonisolated static func result(of key: IdempotencyKey) -> SQLStatement {
        "INSERT INTO results VALUES (\(key.value), \([UInt8](repeating: 7, count: 100)))"
    }

    private nonisolated static func compare(
        _ form: String,
        perTask: Int,
        _ ours: @escaping @Sendable (IdempotencyKey) async throws -> Void,
        byHand: @escaping @Sendable (IdempotencyKey) async throws -> Void
    ) async throws {
        for tasks in [SQLiteBenchmark.tasks, 1] {
            let count = tasks == 1 ? 400 : perTask * tasks
            var rates: [Double] = []
            var ratesByHand: [Double] = []
            for round in 0..<4 {
                // A key is new to each of the two and in each round.
                let base = (form.utf8.count * 10 + round) * 1_000_000 + tasks * 10_000
                let keys = try (0..<count).map { try SQLiteBenchmark.key(base + $0, 0) }
                ratesByHand.append(try await SQLiteBenchmark.rate(keys, tasks: tasks, byHand))
                rates.append(try await SQLiteBenchmark.rate(keys, tasks: tasks, ours))
            }
            let name = "SQLite, transactions \(form), \(tasks == 1 ? "one task" : "\(tasks) tasks")"
            Figures.report(name, median(rates), .perSecond)
            SQLiteBenchmark.report("\(name), of those by hand", rates, of: ratesByHand)
        }
    }
}
#endif
