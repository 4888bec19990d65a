// What the blocks of TransactionalMode.md use: see Scripts/check-articles.

import Idempotency
import IdempotencySQL

struct Transfer: Codable, Sendable {
    let id: String
    let customer: String
    let from: Int
    let to: Int
    let cents: Int
}

enum TransferError: FinalFailure {
    static let failureName = "transfer"
    case insufficientFunds
}

struct AccountID: RawRepresentable {
    let rawValue: String
}

struct Order: Codable, Sendable {
    let id: String
    let owner: String
}

struct Line {
    let number: Int
    let article: String
}

let owner = "alice"
let cents = 1250
let lines: [Line] = []
var ledger: TransactionalInterceptor { fatalError() }
var transaction: SQLTransaction { fatalError() }

func log(_ text: String) {}

#if SQLite
import IdempotencySQLite

var sqlite: SQLiteIdempotencyStore { fatalError() }
#endif

// MARK: As GRDB has it

struct Database {
    func execute(sql: String, arguments: [any Sendable]) throws {}
}

struct DatabasePool: Sendable {
    func write<Value: Sendable>(_ updates: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        fatalError()
    }
}

/// The adapter in BringYourOwnDriver.md.
enum GRDBClient {
    static func run(_ statements: [SQLStatement], on database: Database) throws -> [[SQLRow]] { [] }
}

// MARK: As PostgresNIO has it

struct Logger {}

struct PostgresQuery {}

struct PostgresRowSequence {}

struct PostgresConnection {
    func query(_ query: PostgresQuery, logger: Logger) async throws -> PostgresRowSequence { PostgresRowSequence() }
}

struct PostgresTransactionError: Error {
    var commitError: (any Error)?
}

struct PostgresClient {
    func withTransaction<Value>(
        logger: Logger,
        _ closure: (PostgresConnection) async throws -> sending Value
    ) async throws -> sending Value {
        fatalError()
    }
}

/// The adapter in BringYourOwnDriver.md.
struct PostgresNIOClient {
    func query(_ statement: SQLStatement) -> PostgresQuery { PostgresQuery() }
    func rows(_ sequence: PostgresRowSequence) async throws -> [SQLRow] { [] }
}
