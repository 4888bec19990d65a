#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite

/// A book in the same file as the library's records.
///
/// A service whose charges are rows in this very database would commit each together with its record (`TransactionalInterceptor`)
/// and need no reference. Here the bank is somebody else's: it shares the file so that the example is one file, and nothing else.
struct SQLiteChargeBook: ChargeBook {
    private let database: SQLiteTransactionalInterceptor

    init(store: SQLiteIdempotencyStore) async throws {
        database = SQLiteTransactionalInterceptor(store: store)
        try await database.transaction { transaction in
            try transaction.execute(
                """
                CREATE TABLE IF NOT EXISTS charges (
                    number INTEGER PRIMARY KEY, side TEXT NOT NULL, user TEXT NOT NULL, purchase TEXT NOT NULL,
                    amount INTEGER NOT NULL, reference TEXT UNIQUE
                )
                """
            )
        }
    }

    func enter(_ payment: Payment, by user: String, on side: Side, reference: String?) async throws -> Charge {
        try await database.transaction { transaction in
            if let reference {
                let known = try transaction.query("SELECT * FROM charges WHERE reference = \(reference)")
                if let row = known.first { return try Charge(row) }
            }
            let rows = try transaction.query(
                """
                INSERT INTO charges (side, user, purchase, amount, reference)
                VALUES (\(side.rawValue), \(user), \(payment.order), \(payment.amount), \(reference)) RETURNING *
                """
            )
            return try Charge(rows[0])
        }
    }

    func charge(_ number: Int) async throws -> Charge? {
        try await database.transaction { transaction in
            try transaction.query("SELECT * FROM charges WHERE number = \(number)").first.map(Charge.init)
        }
    }

    func charges(on side: Side, limit: Int) async throws -> Charges {
        try await database.transaction { transaction in
            let sums = try transaction.query(
                "SELECT count(*) AS count, total(amount) AS total FROM charges WHERE side = \(side.rawValue)"
            )
            let newest = try transaction.query(
                "SELECT * FROM charges WHERE side = \(side.rawValue) ORDER BY number DESC LIMIT \(limit)"
            )
            return Charges(
                count: try sums[0].decode("count"),
                total: Int(try sums[0].decode("total", as: Double.self)),
                newest: try newest.map(Charge.init)
            )
        }
    }
}

extension Charge {
    init(_ row: SQLRow) throws {
        self.init(
            number: try row.decode("number"),
            side: try row.decode("side") == Side.with.rawValue ? .with : .without,
            user: try row.decode("user"),
            order: try row.decode("purchase"),
            amount: try row.decode("amount")
        )
    }
}
#endif
