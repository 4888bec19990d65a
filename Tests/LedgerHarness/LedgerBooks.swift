import Idempotency
public import IdempotencySQL

/// The tables that the workers write to. The ledger has no unique constraint: what is there twice was done twice.
@available(Idempotency 0.1, *)
public struct LedgerBooks: Sendable {
    private let store: any TransactionalIdempotencyStore

    /// - Parameter store: The store beside which they are.
    public init(_ store: any TransactionalIdempotencyStore) { self.store = store }

    /// Makes the tables.
    public func make() async throws {
        try await run("CREATE TABLE ledger (key bigint, amount bigint)")
        try await run("CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint)")
        for account in 0..<97 { try await run("INSERT INTO accounts VALUES (\(account), 0)") }
    }

    /// The keys whose effect is not there exactly once.
    public func keysNotOnce(among count: Int) async throws -> [Int] {
        let entries = try await run("SELECT key, count(*) AS entries FROM ledger GROUP BY key")
        var missing = Set(1...count)
        var wrong: [Int] = []
        for row in entries {
            let (key, entries): (Int, Int) = (try row.decode("key"), try row.decode("entries"))
            missing.remove(key)
            if entries != 1 { wrong.append(key) }
        }
        return (wrong + missing).sorted()
    }

    /// The sum of all balances: zero, if transfers are whole.
    public func balance() async throws -> Int {
        try await run("SELECT sum(balance) AS balance FROM accounts")[0].decode("balance")
    }

    @discardableResult
    private func run(_ statement: SQLStatement) async throws -> [SQLRow] {
        try await TransactionalInterceptor(store: store).transaction { try await $0.query(statement) }
    }
}
