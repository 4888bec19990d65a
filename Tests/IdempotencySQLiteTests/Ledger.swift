#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Testing

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
extension Ledger {
    /// Has handlers enter so many keys at once, and one of them do something else as well, for which it alone has to fail.
    func expectCulpritFailsAlone(
        among count: Int,
        _ culprit: @escaping @Sendable (SQLiteTransaction, IdempotencyKey) throws -> Void
    ) async throws {
        let interceptor = SQLiteTransactionalInterceptor(store: store)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                group.addTask {
                    let key = Self.key("key \(number)")
                    let isCulprit = number == 17
                    do {
                        try await interceptor.idempotent(key: key) { transaction, _ in
                            try transaction.enter(key)
                            if isCulprit { try culprit(transaction, key) }
                        }
                        #expect(!isCulprit)
                    } catch {
                        #expect(isCulprit, "\(error)")
                    }
                }
            }
        }
        for number in 0..<count {
            #expect(try await self.count(Self.key("key \(number)")) == (number == 17 ? 0 : 1))
        }
    }
}
#endif
