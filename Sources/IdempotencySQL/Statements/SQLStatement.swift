/// One statement of SQL with its parameters: what is interpolated is bound, never pasted into the text.
///
/// ```swift
/// let statement: SQLStatement = "UPDATE accounts SET balance = balance - \(amount) WHERE id = \(account)"
/// ```
///
/// A `String` at run time is no statement: only a literal is. The name of a table or column that is not known before is
/// interpolated by `\(identifier: name)`, which quotes it; text that is SQL by `\(raw: sql)`, which does not.
@available(Idempotency 0.1, *)
public struct SQLStatement: Hashable, Sendable, ExpressibleByStringInterpolation {
    /// The texts between the parameters: one more than there are parameters.
    private let texts: [String]

    /// The values of the parameters, in order.
    public let parameters: [SQLValue]

    /// A statement without parameters.
    public init(stringLiteral text: String) {
        texts = [text]
        parameters = []
    }

    /// A statement with parameters.
    public init(stringInterpolation: StringInterpolation) {
        texts = stringInterpolation.texts
        parameters = stringInterpolation.parameters
    }

    /// The statement's text, with the parameters as the dialect numbers them: `?1` or `$1`.
    ///
    /// - Parameter dialect: The database's dialect.
    public func text(in dialect: SQLDialect) -> String {
        var text = texts[0]
        for (index, next) in texts.dropFirst().enumerated() {
            text += dialect.placeholder(index + 1)
            text += next
        }
        return text
    }

    /// Gathers the parts of a statement.
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var texts = [""]
        fileprivate var parameters: [SQLValue] = []

        /// Begins a statement.
        public init(literalCapacity: Int, interpolationCount: Int) {
            parameters.reserveCapacity(interpolationCount)
            texts.reserveCapacity(interpolationCount + 1)
        }

        /// Adds SQL.
        public mutating func appendLiteral(_ literal: String) {
            texts[texts.count - 1] += literal
        }

        /// Adds a parameter.
        public mutating func appendInterpolation(_ value: some SQLConvertible) {
            parameters.append(value.sqlValue)
            texts.append("")
        }

        /// Adds a parameter that may be `NULL`.
        public mutating func appendInterpolation<Value: SQLConvertible>(_ value: Value?) {
            parameters.append(value.sqlValue)
            texts.append("")
        }

        /// Adds the name of a table, column or the like, quoted.
        public mutating func appendInterpolation(identifier name: String) {
            appendLiteral(SQLTable.quote(name))
        }

        /// Adds SQL that is not known when the program is written. Never what a client sent.
        public mutating func appendInterpolation(raw sql: String) {
            appendLiteral(sql)
        }

        /// Adds another statement with its parameters.
        public mutating func appendInterpolation(_ statement: SQLStatement) {
            texts[texts.count - 1] += statement.texts[0]
            texts += statement.texts.dropFirst()
            parameters += statement.parameters
        }
    }
}
