/// What a database said went wrong with a statement.
///
/// Its text is the database's own: it may hold names of tables and columns, and on PostgreSQL values that broke a constraint.
/// So it is not part of what the library's own errors print.
@available(Idempotency 0.1, *)
public struct SQLError: Error, Hashable, Sendable {
    /// The SQLSTATE (five characters, ISO/IEC 9075), or on SQLite the extended result code as a number. Empty if the
    /// database was not reached or not asked.
    public let code: String

    /// The database's text.
    public let message: String

    /// Whether the same transaction may succeed if it is begun again: a serialization failure or a deadlock.
    public let mayBeRepeated: Bool

    /// An error of a client.
    ///
    /// - Parameters:
    ///   - code: The SQLSTATE, or the database's own code.
    ///   - message: The database's text.
    ///   - mayBeRepeated: Whether the same transaction may succeed if it is begun again.
    public init(code: String, message: String, mayBeRepeated: Bool = false) {
        self.code = code
        self.message = message
        self.mayBeRepeated = mayBeRepeated
    }

    static func unreadable(_ value: SQLValue, as type: Any.Type) -> SQLError {
        SQLError(code: "", message: "The column holds \(value.kind), which cannot be read as \(type).")
    }
}
