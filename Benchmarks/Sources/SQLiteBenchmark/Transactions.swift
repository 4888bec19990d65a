#if SQLite
import Figures
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import StoreWorkloads

/// Measures transactional mode beside the same transactions written by hand: the same client, the same statements, and a
/// row for the result instead of a record.
enum Transactions {
    nonisolated static func measure(in folder: String) async throws {
        let store = try await SQLiteIdempotencyStore(path: "\(folder)/transactions")
        let threaded = SQLiteTransactionalInterceptor(store: store)
        let elsewhere = TransactionalInterceptor(store: store)
        try await threaded.transaction { transaction in
            try transaction.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
            try transaction.execute("CREATE TABLE results (key TEXT PRIMARY KEY, result BLOB NOT NULL)")
            for account in 0..<1000 { try transaction.execute("INSERT INTO accounts VALUES (\(account), 0)") }
        }
        try await StoreWorkload.compareTransactions("SQLite, transactions on the store's thread", perTask: 40, first: 0)
        { key in
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
        try await StoreWorkload.compareTransactions(
            "SQLite, transactions in its own task",
            perTask: 20,
            first: 5_000_000
        ) { key in
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
}
#endif
