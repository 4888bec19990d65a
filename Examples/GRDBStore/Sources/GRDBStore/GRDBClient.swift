import Foundation
import GRDB
import IdempotencySQL

/// Runs the store's statements on a queue or pool of GRDB's.
struct GRDBClient: SQLClient {
    let database: any DatabaseWriter
    let dialect = SQLDialect.sqlite

    func transaction(_ statements: [SQLStatement], isReadOnly: Bool) async throws -> [[SQLRow]] {
        do {
            return isReadOnly
                ? try await database.read { try Self.run(statements, on: $0) }
                : try await database.write { try Self.run(statements, on: $0) }
        } catch let error as DatabaseError {
            throw SQLError(code: "\(error.extendedResultCode.rawValue)", message: error.message ?? "")
        }
    }

    private static func run(_ statements: [SQLStatement], on database: Database) throws -> [[SQLRow]] {
        try statements.map { statement in
            let arguments = StatementArguments(statement.parameters.map(argument))
            return try Row.fetchAll(database, sql: statement.text(in: .sqlite), arguments: arguments).map { row in
                SQLRow(columns: Array(row.columnNames), values: row.databaseValues.map(value))
            }
        }
    }

    private static func argument(_ value: SQLValue) -> DatabaseValue {
        switch value {
        case .null: .null
        case .boolean(let value): value.databaseValue
        case .integer(let value): value.databaseValue
        case .double(let value): value.databaseValue
        case .text(let value): value.databaseValue
        case .bytes(let value): Data(value).databaseValue
        }
    }

    private static func value(_ value: DatabaseValue) -> SQLValue {
        switch value.storage {
        case .null: .null
        case .int64(let value): .integer(value)
        case .double(let value): .double(value)
        case .string(let value): .text(value)
        case .blob(let value): .bytes(Array(value))
        }
    }
}

extension DatabasePool {
    /// Opens a file whose commits survive the loss of power, and whose calls wait for other processes.
    static func durable(path: String) throws -> DatabasePool {
        var configuration = Configuration()
        // By default a call fails at once if another process is writing.
        configuration.busyMode = .timeout(5)
        let pool = try DatabasePool(path: path, configuration: configuration)
        // A pool sets it to NORMAL, with which the last commits may be lost with the power.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return pool
    }
}
