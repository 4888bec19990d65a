public import Idempotency

/// A store whose records are in a table that a service's own transactions reach, too.
@available(Idempotency 0.1, *)
public protocol SQLTableStore: IdempotencyStore {
    /// Where the records are.
    var table: SQLTable { get }
    /// The database's dialect.
    var dialect: SQLDialect { get }
}

@available(Idempotency 0.1, *)
extension SQLIdempotencyStore: SQLTableStore {
    /// The database's dialect.
    public var dialect: SQLDialect { client.dialect }
}
