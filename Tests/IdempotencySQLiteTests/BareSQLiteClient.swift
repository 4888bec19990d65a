#if SQLite
import CSQLite
import Dispatch
import IdempotencySQL

/// An `SQLClient` on one connection, with a thread of its own.
final class BareSQLiteClient: SQLClient {
    let dialect = SQLDialect.sqlite
    private let queue = DispatchQueue(label: "bare.sqlite")
    /// Only ever touched on the queue, but for the last time.
    nonisolated(unsafe) private let handle: OpaquePointer

    init(_ path: String) throws {
        var handle: OpaquePointer?
        guard sqlite3_open(path, &handle) == SQLITE_OK, let handle else { throw SQLError(code: "14", message: path) }
        self.handle = handle
        sqlite3_busy_timeout(handle, 5000)
        for pragma in ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"] {
            sqlite3_exec(handle, pragma, nil, nil, nil)
        }
    }

    deinit { sqlite3_close(handle) }

    func transaction(_ statements: [SQLStatement], isReadOnly: Bool) async throws -> [[SQLRow]] {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(
                    with: Result { try self.run(statements, begin: isReadOnly ? "BEGIN" : "BEGIN IMMEDIATE") }
                )
            }
        }
    }

    /// Runs a service's own transaction: synchronous, as many drivers have it.
    func transact<Value: Sendable>(
        _ body: @escaping @Sendable ((SQLStatement) throws -> [SQLRow]) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(with: Result { try self.run(begin: "BEGIN IMMEDIATE") { try body(self.rows) } })
            }
        }
    }

    private func run(_ statements: [SQLStatement], begin: String) throws -> [[SQLRow]] {
        try run(begin: begin) { try statements.map(rows) }
    }

    private func run<Value>(begin: String, _ body: () throws -> Value) throws -> Value {
        try check(sqlite3_exec(handle, begin, nil, nil, nil))
        do {
            let value = try body()
            try check(sqlite3_exec(handle, "COMMIT", nil, nil, nil))
            return value
        } catch {
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    private func rows(of statement: SQLStatement) throws -> [SQLRow] {
        var prepared: OpaquePointer?
        try check(sqlite3_prepare_v2(handle, statement.text(in: dialect), -1, &prepared, nil))
        defer { sqlite3_finalize(prepared) }
        for (index, value) in statement.parameters.enumerated() { try bind(value, to: prepared, Int32(index + 1)) }
        let columns = 0..<sqlite3_column_count(prepared)
        let names = columns.map { String(cString: sqlite3_column_name(prepared, $0)) }
        var rows: [SQLRow] = []
        while true {
            let code = sqlite3_step(prepared)
            guard code == SQLITE_ROW else {
                if code != SQLITE_DONE { try check(code) }
                return rows
            }
            rows.append(SQLRow(columns: names, values: columns.map { value(of: prepared, $0) }))
        }
    }

    private func bind(_ value: SQLValue, to prepared: OpaquePointer?, _ index: Int32) throws {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null: try check(sqlite3_bind_null(prepared, index))
        case .boolean(let truth): try check(sqlite3_bind_int64(prepared, index, truth ? 1 : 0))
        case .integer(let number): try check(sqlite3_bind_int64(prepared, index, number))
        case .double(let number): try check(sqlite3_bind_double(prepared, index, number))
        case .text(let text): try check(sqlite3_bind_text(prepared, index, text, Int32(text.utf8.count), transient))
        case .bytes(let bytes): try check(sqlite3_bind_blob(prepared, index, bytes, Int32(bytes.count), transient))
        }
    }

    private func value(of prepared: OpaquePointer?, _ column: Int32) -> SQLValue {
        let count = Int(sqlite3_column_bytes(prepared, column))
        switch sqlite3_column_type(prepared, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(prepared, column))
        case SQLITE_FLOAT: return .double(sqlite3_column_double(prepared, column))
        case SQLITE_TEXT:
            let bytes = UnsafeBufferPointer(start: sqlite3_column_text(prepared, column), count: count)
            return .text(String(decoding: bytes, as: UTF8.self))
        case SQLITE_BLOB:
            return .bytes(Array(UnsafeRawBufferPointer(start: sqlite3_column_blob(prepared, column), count: count)))
        default: return .null
        }
    }

    private func check(_ code: Int32) throws {
        if code != SQLITE_OK {
            throw SQLError(
                code: "\(sqlite3_extended_errcode(handle))",
                message: String(cString: sqlite3_errmsg(handle))
            )
        }
    }
}
#endif
