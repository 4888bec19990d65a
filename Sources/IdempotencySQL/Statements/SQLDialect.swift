/// Which database's SQL is spoken.
@available(Idempotency 0.1, *)
public enum SQLDialect: String, CaseIterable, Sendable {
    /// SQLite 3.37 and later.
    case sqlite
    /// PostgreSQL 13 and later.
    case postgreSQL

    /// How a statement's text names its n-th parameter, counted from 1.
    package func placeholder(_ number: Int) -> String {
        switch self {
        case .sqlite: "?\(number)"
        case .postgreSQL: "$\(number)"
        }
    }
}
