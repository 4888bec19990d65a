#if SQLite
internal import CSQLite
internal import Idempotency
internal import IdempotencySQL

/// A prepared statement. Parameters count from 1, columns from 0, as SQLite has it.
@available(Idempotency 0.1, *)
final class SQLiteStatement {
    private let connection: OpaquePointer
    private let handle: OpaquePointer

    /// Prepares the one statement that a text holds.
    init(_ sql: String, _ connection: OpaquePointer) throws(SQLiteFailure) {
        // To SQLite the text would end there.
        if sql.utf8.contains(0) { throw SQLiteFailure(code: SQLITE_MISUSE, message: "The text must not hold a NUL.") }
        let (code, first, second) = sql.withCString { text -> (Int32, OpaquePointer?, OpaquePointer?) in
            var (first, second): (OpaquePointer?, OpaquePointer?)
            var rest: UnsafePointer<CChar>?
            var code = sqlite3_prepare_v3(connection, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &first, &rest)
            // What follows may be blank, or a comment: then nothing comes of it.
            if code == SQLITE_OK, let rest, rest.pointee != 0 {
                code = sqlite3_prepare_v2(connection, rest, -1, &second, nil)
            }
            return (code, first, second)
        }
        sqlite3_finalize(second)
        guard code == SQLITE_OK, let first, second == nil else {
            let failure =
                code == SQLITE_OK
                ? SQLiteFailure(code: SQLITE_MISUSE, message: "The text has to hold one statement, and no more.")
                : SQLiteFailure(code, connection)
            sqlite3_finalize(first)
            throw failure
        }
        self.connection = connection
        handle = first
    }

    deinit { sqlite3_finalize(handle) }

    func reset() {
        // Its code repeats the last step's error, which was thrown.
        _ = sqlite3_reset(handle)
    }

    func bind(_ value: Int64?, at index: Int32) throws(SQLiteFailure) {
        try check(value.map { sqlite3_bind_int64(handle, index, $0) } ?? sqlite3_bind_null(handle, index))
    }

    func bind(_ number: Double, at index: Int32) throws(SQLiteFailure) {
        try check(sqlite3_bind_double(handle, index, number))
    }

    func bind(_ text: String?, at index: Int32) throws(SQLiteFailure) {
        guard var text else { return try check(sqlite3_bind_null(handle, index)) }
        try check(text.withUTF8 { bind(utf8: $0, at: index) })
    }

    /// Binds a key's value.
    func bind(valueOf key: IdempotencyKey, at index: Int32) throws(SQLiteFailure) {
        var code = SQLITE_OK
        key.withValueBytes { code = bind(utf8: $0, at: index) }
        try check(code)
    }

    private func bind(utf8 bytes: UnsafeBufferPointer<UInt8>, at index: Int32) -> Int32 {
        bytes.withMemoryRebound(to: CChar.self) {
            sqlite3_bind_text(handle, index, $0.baseAddress, Int32($0.count), idempotency_sqlite_transient())
        }
    }

    func bind(_ bytes: [UInt8], at index: Int32) throws(SQLiteFailure) {
        // No address would be NULL.
        if bytes.isEmpty { return try check(sqlite3_bind_zeroblob(handle, index, 0)) }
        let code = bytes.withUnsafeBytes {
            sqlite3_bind_blob64(handle, index, $0.baseAddress, UInt64($0.count), idempotency_sqlite_transient())
        }
        try check(code)
    }

    func bind(_ value: SQLValue, at index: Int32) throws(SQLiteFailure) {
        switch value {
        case .null: try bind(nil as Int64?, at: index)
        case .boolean(let value): try bind(Int64(value ? 1 : 0), at: index)
        case .integer(let number): try bind(number, at: index)
        case .double(let number): try bind(number, at: index)
        case .text(let text): try bind(text, at: index)
        case .bytes(let bytes): try bind(bytes, at: index)
        }
    }

    /// Goes to the next row. `false`: there is none.
    func step() throws(SQLiteFailure) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw SQLiteFailure(code, connection)
        }
    }

    /// Runs a statement that answers nothing.
    func run() throws(SQLiteFailure) {
        defer { reset() }
        while try step() {}
    }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func integerIfPresent(_ column: Int32) -> Int64? {
        sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : integer(column)
    }

    func text(_ column: Int32) -> String? {
        guard let start = sqlite3_column_text(handle, column) else { return nil }
        let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column)))
        return String(validating: bytes, as: UTF8.self)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        // In this order: the pointer is asked for first.
        let start = sqlite3_column_blob(handle, column)
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// How many parameters there are; `nil`: one of them stands in the text, but is none, as within quotes.
    private(set) lazy var parameterCount: Int? = {
        let count = sqlite3_bind_parameter_count(handle)
        for index in 0..<count where sqlite3_bind_parameter_name(handle, index + 1) == nil { return nil }
        return Int(count)
    }()

    var columnNames: [String] {
        (0..<sqlite3_column_count(handle)).map { sqlite3_column_name(handle, $0).map { String(cString: $0) } ?? "" }
    }

    /// A column as what it is.
    func value(_ column: Int32) -> SQLValue {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: .integer(integer(column))
        case SQLITE_FLOAT: .double(sqlite3_column_double(handle, column))
        case SQLITE_TEXT: text(column).map { .text($0) } ?? .bytes(bytes(column))
        case SQLITE_BLOB: .bytes(bytes(column))
        default: .null
        }
    }

    private func check(_ code: Int32) throws(SQLiteFailure) {
        if code != SQLITE_OK { throw SQLiteFailure(code, connection) }
    }
}
#endif
