/// A value as a database takes and answers it.
@available(Idempotency 0.1, *)
public enum SQLValue: Hashable, Sendable {
    /// `NULL`.
    case null
    /// A truth value; SQLite keeps it as 0 or 1.
    case boolean(Bool)
    /// A whole number.
    case integer(Int64)
    /// A number in binary floating point.
    case double(Double)
    /// Text, and whatever the database has no simpler form for: PostgreSQL's `numeric`, dates, UUIDs, JSON.
    case text(String)
    /// Bytes.
    case bytes([UInt8])

    /// What kind of value it is, for messages: never the value.
    var kind: String {
        switch self {
        case .null: "NULL"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .double: "a double"
        case .text: "text"
        case .bytes: "bytes"
        }
    }
}
