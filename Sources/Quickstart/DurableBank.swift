#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite

/// A bank whose charges are in a database, in the same one as the library's records: each charge is committed together with
/// its record, so that a kill leaves both or neither.
@available(Idempotency 0.1, *)
struct DurableBank: Sendable {
    private let ledger: SQLiteTransactionalInterceptor

    init(path: String) async throws {
        // Short, so that what a killed process was about to charge is soon free for the next one.
        let policy = try OperationPolicy(lease: .seconds(2))
        ledger = SQLiteTransactionalInterceptor(store: try await SQLiteIdempotencyStore(path: path), policy: policy)
        // Nothing here keeps a purchase from being charged twice, but the library.
        try await ledger.transaction { transaction in
            try transaction.execute(
                "CREATE TABLE IF NOT EXISTS charges (number INTEGER PRIMARY KEY, user TEXT, purchase TEXT, amount INTEGER)"
            )
        }
    }

    func charge(_ request: ChargeRequest) async throws -> IdempotentOutcome<Bank.Receipt> {
        try await ledger.outcome(key: request.key, fingerprint: request.fingerprint) { transaction, execution in
            let (user, purchase) = (execution.key.scope.principal ?? "", execution.key.value)
            let rows = try transaction.query(
                """
                INSERT INTO charges (user, purchase, amount) VALUES (\(user), \(purchase), \(request.amount))
                RETURNING number
                """
            )
            return Bank.Receipt(number: try rows[0].decode("number"), amount: request.amount)
        }
    }

    /// What was charged: user, purchase and amount, by the receipt's number.
    func charges() async throws -> [Int: (user: String, purchase: String, amount: Int)] {
        try await ledger.transaction { transaction in
            let rows = try transaction.query(
                "SELECT number, user, purchase, amount FROM charges",
                as: Int.self,
                String.self,
                String.self,
                Int.self
            )
            var charges: [Int: (user: String, purchase: String, amount: Int)] = [:]
            for (number, user, purchase, amount) in rows { charges[number] = (user, purchase, amount) }
            return charges
        }
    }

    /// Compares what clients believe with what was charged: purchases charged again, and receipts for no charge.
    func check(_ acknowledged: [(request: ChargeRequest, receipt: Bank.Receipt)]) async throws -> (
        wrong: Int, charges: Int
    ) {
        let charges = try await charges()
        let purchases = Set(charges.values.map { "\($0.user) \($0.purchase)" })
        let lost = acknowledged.count { request, receipt in
            guard let charge = charges[receipt.number] else { return true }
            return charge.purchase != request.key.value || charge.amount != request.amount
        }
        return (charges.count - purchases.count + lost, charges.count)
    }
}
#endif
