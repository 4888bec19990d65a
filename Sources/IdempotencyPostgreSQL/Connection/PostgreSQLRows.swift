#if PostgreSQL
internal import CPostgreSQL
internal import IdempotencySQL

/// The rows that a statement answered with. Rows and columns count from 0.
@available(Idempotency 0.1, *)
final class PostgreSQLRows {
    private let handle: OpaquePointer

    /// - Parameter handle: The result, which is this object's from now on.
    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQclear(handle) }

    var count: Int { Int(PQntuples(handle)) }

    /// What the server says that it did: `UPDATE 1`, `COMMIT`, …
    var tag: String { String(cString: PQcmdStatus(handle)) }

    /// How many rows were inserted, updated or deleted.
    var changes: Int { tag.hasPrefix("SELECT") ? 0 : Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    func isNull(_ row: Int, _ column: Int32) -> Bool { PQgetisnull(handle, Int32(row), column) != 0 }

    /// A value's bytes. They are gone with this object.
    func raw(_ row: Int, _ column: Int32) -> UnsafeRawBufferPointer {
        let start = PQgetvalue(handle, Int32(row), column)
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(handle, Int32(row), column)))
    }

    /// A `bigint` in binary form.
    func integer(_ row: Int, _ column: Int32) -> Int64 {
        let bytes = raw(row, column)
        return bytes.count == 8 ? Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)) : 0
    }

    /// A `boolean` in binary form.
    func boolean(_ row: Int, _ column: Int32) -> Bool { raw(row, column).first == 1 }

    func bytes(_ row: Int, _ column: Int32) -> [UInt8] { Array(raw(row, column)) }

    /// `text` in either form.
    func text(_ row: Int, _ column: Int32) -> String? {
        isNull(row, column) ? nil : String(decoding: raw(row, column), as: UTF8.self)
    }

    // MARK: For a handler, in text form

    func result() -> SQLResult {
        let columns = (0..<PQnfields(handle)).map { String(cString: PQfname(handle, $0)) }
        let rows = (0..<count).map { row in
            SQLRow(columns: columns, values: columns.indices.map { value(row, Int32($0)) })
        }
        return SQLResult(rows: rows, changes: changes)
    }

    private func value(_ row: Int, _ column: Int32) -> SQLValue {
        guard let text = text(row, column) else { return .null }
        switch PQftype(handle, column) {
        case 16: return .boolean(text == "t")
        case 17: return .bytes(unescaped(row, column))
        case 20, 21, 23: return Int64(text).map { .integer($0) } ?? .text(text)
        case 700, 701: return Double(text).map { .double($0) } ?? .text(text)
        default: return .text(text)
        }
    }

    private func unescaped(_ row: Int, _ column: Int32) -> [UInt8] {
        var length = 0
        // What PQgetvalue answers ends with a zero.
        let start = UnsafePointer<UInt8>(OpaquePointer(PQgetvalue(handle, Int32(row), column)))
        guard let plain = PQunescapeBytea(start, &length) else { return [] }
        defer { PQfreemem(plain) }
        return Array(UnsafeBufferPointer(start: plain, count: length))
    }
}
#endif
