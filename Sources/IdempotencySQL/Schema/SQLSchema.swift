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
/// | `state` | `pending`, `done`, `retryable` or `failed`; on PostgreSQL also `removed`, for a minute |
/// | `attempt` | which attempt of the key it is |
/// | `version` | the record's version |
/// | `written_at` | when it was written |
/// | `held_until` | when a pending record's lease, or a finished one's retention, is over |
/// | `expires_at` | when it counts as absent; 2⁶² or later: never by itself |
/// | `awaited` | on PostgreSQL: whether another process waits for it |
/// | `record` | the record |
///
/// A second table of one row holds the schema's version and, on SQLite, the source of versions and a random number that tells
/// one database from another; on PostgreSQL versions come from a sequence.
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

    /// What a row's state is that is not done, and that is: the parts of the table that have an index by expiry each. Most rows
    /// are done; a claim writes to the other index alone, and a listing of what is left open reads no more than that.
    package static let open = "state <> 'done'"
    package static let done = "state = 'done'"

    /// PostgreSQL's clock in microseconds since 1970: when it is evaluated, not when the transaction began.
    package static let clock = "(date_part('epoch', clock_timestamp()) * 1000000)::bigint"

    /// For how long a row is kept in any case after it was last written or of use, on PostgreSQL: no statement of then, which
    /// may have drawn an older version, can be under way any more.
    package static let grace: Duration = .seconds(60)

    /// The name of the sequence that versions are drawn from, on PostgreSQL.
    package var versionSequence: String { table.quoted("_version") }

    /// The statements that make the tables, each to be run by itself, in order. Harmless when repeated.
    public var statements: [String] {
        switch dialect {
        case .sqlite: sqlite
        case .postgreSQL: postgreSQL
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
            """
            CREATE INDEX IF NOT EXISTS \(self.table.quoted("_open")) ON \(self.table.unqualified("")) (expires_at, version)
            WHERE \(Self.open)
            """,
            """
            CREATE INDEX IF NOT EXISTS \(self.table.quoted("_done")) ON \(self.table.unqualified("")) (expires_at, version)
            WHERE \(Self.done)
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
                last_version INTEGER NOT NULL,
                database_number INTEGER NOT NULL
            )
            """,
            """
            INSERT INTO \(self.table.quoted("_meta")) (id, schema_version, last_version, database_number)
            VALUES (1, \(Self.version), 0, random()) ON CONFLICT (id) DO NOTHING
            """,
        ]
    }

    private var postgreSQL: [String] {
        let table = table.quoted
        // Bytes decide, not the database's collation; and comparing bytes is quicker.
        let text = "text COLLATE \"C\""
        return [
            """
            CREATE TABLE IF NOT EXISTS \(table) (
                scope \(text) NOT NULL,
                key \(text) NOT NULL,
                operation \(text) NOT NULL,
                tenant \(text),
                principal \(text),
                state \(text) NOT NULL,
                attempt bigint NOT NULL,
                version bigint NOT NULL,
                written_at bigint NOT NULL,
                held_until bigint NOT NULL,
                expires_at bigint NOT NULL,
                awaited boolean NOT NULL DEFAULT false,
                record bytea NOT NULL,
                PRIMARY KEY (scope, key)
            )
            """,
            """
            CREATE INDEX IF NOT EXISTS \(self.table.unqualified("_open")) ON \(table) (expires_at, version)
            WHERE \(Self.open)
            """,
            """
            CREATE INDEX IF NOT EXISTS \(self.table.unqualified("_done")) ON \(table) (expires_at, version)
            WHERE \(Self.done)
            """,
            """
            CREATE INDEX IF NOT EXISTS \(self.table.unqualified("_tenant")) ON \(table) (tenant, version)
            WHERE tenant IS NOT NULL
            """,
            """
            CREATE INDEX IF NOT EXISTS \(self.table.unqualified("_principal")) ON \(table) (principal, version)
            WHERE principal IS NOT NULL
            """,
            // No cache: a connection that keeps numbers for later would give a lower version after a higher one.
            "CREATE SEQUENCE IF NOT EXISTS \(versionSequence) AS bigint CACHE 1",
            """
            CREATE TABLE IF NOT EXISTS \(metaTable) (
                id integer PRIMARY KEY CHECK (id = 1),
                schema_version integer NOT NULL
            )
            """,
            """
            INSERT INTO \(metaTable) (id, schema_version)
            VALUES (1, \(Self.version)) ON CONFLICT (id) DO NOTHING
            """,
        ]
    }
}
