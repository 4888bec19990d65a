#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite

/// A ledger in the store's own file. Its table has no unique constraint: what is there twice was done twice.
struct Ledger: Sendable {
    let store: SQLiteIdempotencyStore

    init(_ store: SQLiteIdempotencyStore) async throws {
        self.store = store
        try await write("CREATE TABLE IF NOT EXISTS ledger (key TEXT, amount INTEGER, owner INTEGER)")
    }

    /// Runs a statement in a transaction of its own.
    @discardableResult
    func write(_ statement: SQLStatement) async throws -> [SQLRow] {
        try await SQLiteTransactionalInterceptor(store: store).transaction { try $0.query(statement) }
    }

    /// How often a key's effect is there.
    func count(_ key: IdempotencyKey) async throws -> Int {
        try await write("SELECT count(*) FROM ledger WHERE key = \(key.value)")[0].decode("count(*)")
    }

    static func key(_ value: String) -> IdempotencyKey {
        try! IdempotencyKey(scope: IdempotencyScope("transfer"), value: value)
    }
}

extension SQLTransaction {
    func enter(_ key: IdempotencyKey, _ amount: Int = 1) async throws {
        try await execute("INSERT INTO ledger (key, amount) VALUES (\(key.value), \(amount))")
    }
}

extension SQLiteTransaction {
    func enter(_ key: IdempotencyKey, _ amount: Int = 1) throws {
        try execute("INSERT INTO ledger (key, amount) VALUES (\(key.value), \(amount))")
    }
}
#endif
