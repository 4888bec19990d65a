/// A type whose values can be parameters of a statement, and be read from a row.
///
/// The standard types conform. A type of your own converts itself from and to one of them:
///
/// ```swift
/// extension AccountID: SQLConvertible {
///     var sqlValue: SQLValue { .text(rawValue) }
///     init(sqlValue: SQLValue) throws(SQLError) { self.init(rawValue: try String(sqlValue: sqlValue)) }
/// }
/// ```
@available(Idempotency 0.1, *)
public protocol SQLConvertible {
    /// The value as the database takes it.
    var sqlValue: SQLValue { get }

    /// Reads a value.
    ///
    /// - Throws: ``SQLError`` if the database answered with another kind of value, or one that does not fit.
    init(sqlValue: SQLValue) throws(SQLError)
}

@available(Idempotency 0.1, *)
extension SQLConvertible where Self: FixedWidthInteger {
    /// The number as an integer; as text if it is larger than a database's integers.
    public var sqlValue: SQLValue { Int64(exactly: self).map { .integer($0) } ?? .text(String(self)) }

    /// Reads a whole number, also one that the database answers as text, such as PostgreSQL's `numeric`.
    ///
    /// - Throws: ``SQLError`` if it is none, or does not fit.
    public init(sqlValue: SQLValue) throws(SQLError) {
        let read: Self? =
            switch sqlValue {
            case .integer(let number): Self(exactly: number)
            case .text(let text): Self(text)
            case .double(let number): Self(exactly: number)
            default: nil
            }
        guard let read else { throw SQLError.unreadable(sqlValue, as: Self.self) }
        self = read
    }
}

@available(Idempotency 0.1, *)
extension Int: SQLConvertible {}
@available(Idempotency 0.1, *)
extension Int64: SQLConvertible {}
@available(Idempotency 0.1, *)
extension Int32: SQLConvertible {}
@available(Idempotency 0.1, *)
extension UInt32: SQLConvertible {}
@available(Idempotency 0.1, *)
extension UInt64: SQLConvertible {}

@available(Idempotency 0.1, *)
extension Bool: SQLConvertible {
    /// The truth value.
    public var sqlValue: SQLValue { .boolean(self) }

    /// Reads a truth value, or 0 or 1.
    ///
    /// - Throws: ``SQLError`` if it is neither.
    public init(sqlValue: SQLValue) throws(SQLError) {
        switch sqlValue {
        case .boolean(let value): self = value
        case .integer(0): self = false
        case .integer(1): self = true
        default: throw SQLError.unreadable(sqlValue, as: Self.self)
        }
    }
}

@available(Idempotency 0.1, *)
extension Double: SQLConvertible {
    /// The number.
    public var sqlValue: SQLValue { .double(self) }

    /// Reads a number.
    ///
    /// - Throws: ``SQLError`` if it is none.
    public init(sqlValue: SQLValue) throws(SQLError) {
        let read: Double? =
            switch sqlValue {
            case .double(let number): number
            case .integer(let number): Double(number)
            case .text(let text): Double(text)
            default: nil
            }
        guard let read else { throw SQLError.unreadable(sqlValue, as: Self.self) }
        self = read
    }
}

@available(Idempotency 0.1, *)
extension String: SQLConvertible {
    /// The text.
    public var sqlValue: SQLValue { .text(self) }

    /// Reads text.
    ///
    /// - Throws: ``SQLError`` if it is none.
    public init(sqlValue: SQLValue) throws(SQLError) {
        guard case .text(let text) = sqlValue else { throw SQLError.unreadable(sqlValue, as: Self.self) }
        self = text
    }
}

@available(Idempotency 0.1, *)
extension [UInt8]: SQLConvertible {
    /// The bytes.
    public var sqlValue: SQLValue { .bytes(self) }

    /// Reads bytes.
    ///
    /// - Throws: ``SQLError`` if it is something else.
    public init(sqlValue: SQLValue) throws(SQLError) {
        guard case .bytes(let bytes) = sqlValue else { throw SQLError.unreadable(sqlValue, as: Self.self) }
        self = bytes
    }
}

@available(Idempotency 0.1, *)
extension Optional: SQLConvertible where Wrapped: SQLConvertible {
    /// The value, or `NULL`.
    public var sqlValue: SQLValue { map(\.sqlValue) ?? .null }

    /// Reads a value, or `NULL` as `nil`.
    ///
    /// - Throws: ``SQLError`` if it is of another kind.
    public init(sqlValue: SQLValue) throws(SQLError) {
        self = sqlValue == .null ? nil : .some(try Wrapped(sqlValue: sqlValue))
    }
}

@available(Idempotency 0.1, *)
extension SQLValue: SQLConvertible {
    /// The value itself.
    public var sqlValue: SQLValue { self }

    /// Takes a value as it is.
    public init(sqlValue: SQLValue) { self = sqlValue }
}
