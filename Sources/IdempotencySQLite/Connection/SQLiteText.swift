#if SQLite
/// The text of a statement that a connection prepares once. It is found by its identity: to compare texts costs as much as a
/// small statement.
@available(Idempotency 0.1, *)
final class SQLiteText: Sendable {
    let sql: String

    init(_ sql: String) { self.sql = sql }
}
#endif
