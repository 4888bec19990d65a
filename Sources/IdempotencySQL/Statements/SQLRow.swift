/// A row that a statement answered with.
@available(Idempotency 0.1, *)
public struct SQLRow: Hashable, Sendable {
    /// The names of the columns, in order.
    public let columns: [String]
    /// The values of the columns, in order.
    public let values: [SQLValue]

    /// A row; as many values as columns.
    public init(columns: [String], values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    /// Reads a column by its name.
    ///
    /// - Parameters:
    ///   - name: The column's name; the first of that name is read.
    ///   - type: What it is read as.
    /// - Throws: ``SQLError`` if there is no such column, or it holds another kind of value.
    public func decode<Value: SQLConvertible>(_ name: String, as type: Value.Type = Value.self) throws(SQLError)
        -> Value
    {
        guard let index = columns.firstIndex(of: name) else {
            throw SQLError(
                code: "",
                message: "The row has no column '\(name)'; it has \(columns.joined(separator: ", "))."
            )
        }
        return try Value(sqlValue: values[index])
    }

    /// Reads all columns, in order.
    ///
    /// - Parameter types: What they are read as.
    /// - Throws: ``SQLError`` if there are not as many columns as types, or one holds another kind of value.
    public func decode<each Value: SQLConvertible>(
        as types: repeat (each Value).Type
    ) throws(SQLError) -> (repeat each Value) {
        var count = 0
        for _ in repeat each types { count += 1 }
        guard count == values.count else {
            throw SQLError(code: "", message: "The row has \(values.count) columns, and \(count) were asked for.")
        }
        var index = -1
        func next<Column: SQLConvertible>(_ type: Column.Type) throws(SQLError) -> Column {
            index += 1
            return try Column(sqlValue: values[index])
        }
        return (repeat try next(each types))
    }
}
