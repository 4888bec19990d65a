#if SQLite
public import IdempotencySQL
internal import CSQLite

/// The transaction that the effects of a synchronous handler go into, and its record after them.
///
/// What the handler throws undoes it. A handler must not commit or roll back by itself; such a statement is refused.
@available(Idempotency 0.1, *)
public final class SQLiteTransaction {
    private var connection: SQLiteConnection?

    init(_ connection: SQLiteConnection) { self.connection = connection }

    /// Runs a statement that answers with no rows.
    ///
    /// - Parameter statement: One statement; what is interpolated is bound as a parameter.
    /// - Returns: How many rows it inserted, updated or deleted.
    /// - Throws: `SQLError`.
    @discardableResult
    public func execute(_ statement: SQLStatement) throws(SQLError) -> Int {
        try run(statement).changes
    }

    /// Runs a statement that answers with rows.
    ///
    /// - Parameter statement: One statement; what is interpolated is bound as a parameter.
    /// - Throws: `SQLError`.
    public func query(_ statement: SQLStatement) throws(SQLError) -> [SQLRow] {
        try run(statement).rows
    }

    /// Runs a statement that answers with rows, and reads all of their columns.
    ///
    /// - Parameters:
    ///   - statement: One statement; what is interpolated is bound as a parameter.
    ///   - types: What the columns are read as, in order.
    /// - Throws: `SQLError`, also if a column holds another kind of value.
    public func query<each Value: SQLConvertible>(
        _ statement: SQLStatement,
        as types: repeat (each Value).Type
    ) throws(SQLError) -> [(repeat each Value)] {
        var decoded: [(repeat each Value)] = []
        for row in try run(statement).rows { decoded.append(try row.decode(as: repeat each types)) }
        return decoded
    }

    private func run(_ statement: SQLStatement) throws(SQLError) -> SQLResult {
        guard let connection else {
            throw SQLError(code: "\(SQLITE_MISUSE)", message: "The transaction is over: its handler has returned.")
        }
        return try connection.run(statement)
    }

    /// The handler has returned.
    func end() { connection = nil }
}
#endif
