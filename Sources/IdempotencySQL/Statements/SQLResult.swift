/// What a statement did.
@available(Idempotency 0.1, *)
public struct SQLResult: Hashable, Sendable {
    /// The rows that it answered with.
    public let rows: [SQLRow]
    /// How many rows it inserted, updated or deleted.
    public let changes: Int

    /// A result.
    public init(rows: [SQLRow], changes: Int) {
        self.rows = rows
        self.changes = changes
    }
}
