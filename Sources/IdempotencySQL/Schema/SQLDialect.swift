/// Which database's SQL is spoken.
@available(Idempotency 0.1, *)
public enum SQLDialect: String, CaseIterable, Sendable {
    /// SQLite 3.35 and later.
    case sqlite
}
