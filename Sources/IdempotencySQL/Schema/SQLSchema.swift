/// The tables of a store, and how they come to be: printable, for whoever runs migrations of their own.
///
/// One table holds the records, a row a key. What an operator asks for stands in columns of its own; `record` holds all of
/// it, in the encoded form that ``/Idempotency/IdempotencyRecord`` describes. Times are microseconds since 1970, by the
/// database's clock.
///
/// | column | holds |
/// |---|---|
/// | `scope`, `key` | the key: scope as text, and value |
/// | `operation`, `tenant`, `principal` | the parts of the scope |
/// | `state` | `pending`, `done`, `retryable` or `failed` |
/// | `attempt` | which attempt of the key it is |
/// | `version` | the record's version |
/// | `written_at` | when it was written |
/// | `held_until` | when a pending record's lease, or a finished one's retention, is over |
/// | `expires_at` | when it counts as absent; 2⁶³−1: never by itself |
/// | `record` | the record |
///
/// A second table of one row holds the schema's version and, on SQLite, the source of versions.
@available(Idempotency 0.1, *)
public struct SQLSchema: Sendable {
    /// The version of the schema that this release reads and writes.
    public static let version = 1

    let table: SQLTable
    let dialect: SQLDialect

    /// The schema of a table.
    ///
    /// - Parameters:
    ///   - table: The table's name.
    ///   - dialect: Which database it is for.
    public init(table: SQLTable = .standard, dialect: SQLDialect) {
        self.table = table
        self.dialect = dialect
    }

    /// The name of the table that holds the schema's version.
    package var metaTable: String { table.quoted("_meta") }

    /// The statements that make the tables, each to be run by itself, in order. Harmless when repeated.
    public var statements: [String] {
        switch dialect {
        case .sqlite: sqlite
        }
    }

    private var sqlite: [String] {
        let table = table.quoted
        return [
            """
            CREATE TABLE IF NOT EXISTS \(table) (
                scope TEXT NOT NULL,
                key TEXT NOT NULL,
                operation TEXT NOT NULL,
                tenant TEXT,
                principal TEXT,
                state TEXT NOT NULL,
                attempt INTEGER NOT NULL,
                version INTEGER NOT NULL,
                written_at INTEGER NOT NULL,
                held_until INTEGER NOT NULL,
                expires_at INTEGER NOT NULL,
                record BLOB NOT NULL,
                PRIMARY KEY (scope, key)
            ) WITHOUT ROWID
            """,
            "CREATE INDEX IF NOT EXISTS \(self.table.quoted("_expiry")) ON \(self.table.unqualified("")) (expires_at, version)",
            """
            CREATE INDEX IF NOT EXISTS \(self.table.quoted("_open")) ON \(self.table.unqualified("")) (version)
            WHERE state <> 'done'
            """,
            """
            CREATE INDEX IF NOT EXISTS \(self.table.quoted("_tenant")) ON \(self.table.unqualified("")) (tenant, version)
            WHERE tenant IS NOT NULL
            """,
            """
            CREATE INDEX IF NOT EXISTS \(self.table.quoted("_principal")) ON \(self.table.unqualified("")) (principal, version)
            WHERE principal IS NOT NULL
            """,
            """
            CREATE TABLE IF NOT EXISTS \(self.table.quoted("_meta")) (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                schema_version INTEGER NOT NULL,
                last_version INTEGER NOT NULL
            )
            """,
            """
            INSERT INTO \(self.table.quoted("_meta")) (id, schema_version, last_version)
            VALUES (1, \(Self.version), 0) ON CONFLICT (id) DO NOTHING
            """,
        ]
    }
}
