#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Testing

@Suite("Statements of handlers that would escape their transaction", .timeLimit(.minutes(10)))
struct SQLiteTransactionEscapeTests {
    private let folder = TemporaryFolder()
    private let key = Ledger.key("one")

    private func open() async throws -> (SQLiteTransactionalInterceptor, TransactionalInterceptor, Ledger) {
        let store = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        let effects = try await Ledger(store)
        try await effects.write("CREATE TABLE single (id INTEGER PRIMARY KEY)")
        try await effects.write("INSERT INTO single VALUES (1)")
        return (SQLiteTransactionalInterceptor(store: store), TransactionalInterceptor(store: store), effects)
    }

    @Test("A handler that hides an error that ended its transaction has no result without its effect")
    func hiddenRollback() async throws {
        let (ledger, _, effects) = try await open()
        await #expect(throws: (any Error).self) {
            try await ledger.idempotent(key: key) { [key] transaction, _ in
                try transaction.enter(key)
                _ = try? transaction.execute("INSERT OR ROLLBACK INTO single VALUES (1)")
                return "first"
            }
        }
        let outcome = try await ledger.outcome(key: key) { [key] transaction, _ in
            try transaction.enter(key)
            return "second"
        }
        #expect(describe(outcome) == "ran: second")
        #expect(try await effects.count(key) == 1)
    }

    @Test("The same with a handler in its own task")
    func hiddenRollbackElsewhere() async throws {
        let (_, ledger, effects) = try await open()
        await #expect(throws: (any Error).self) {
            try await ledger.idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                _ = try? await transaction.execute("INSERT OR ROLLBACK INTO single VALUES (1)")
                return "first"
            }
        }
        #expect(try await effects.count(key) == 0)
        let outcome = try await ledger.outcome(key: key) { transaction, _ in
            try await transaction.enter(key)
            return "second"
        }
        #expect(describe(outcome) == "ran: second")
        #expect(try await effects.count(key) == 1)
    }

    @Test("A statement that ends the transaction fails its own handler, not those that are committed with it")
    func rollbackInBatch() async throws {
        let (_, _, effects) = try await open()
        try await effects.expectCulpritFailsAlone(among: 64) { transaction, _ in
            try transaction.execute("INSERT OR ROLLBACK INTO single VALUES (1)")
        }
    }

    @Test("A final failure is not kept if a statement has ended the transaction before: the next call decides")
    func finalFailureAfterRollback() async throws {
        let (ledger, _, effects) = try await open()
        await expectError(.storeUnavailable) {
            try await ledger.idempotent(key: key, failures: Declined.self) { [key] transaction, _ in
                try transaction.enter(key)
                _ = try? transaction.execute("INSERT OR ROLLBACK INTO single VALUES (1)")
                throw Declined(reason: "first")
            }
        }
        #expect(try await effects.count(key) == 0)
        try await ledger.idempotent(key: key, failures: Declined.self) { [key] transaction, _ in
            try transaction.enter(key)
        }
        #expect(try await effects.count(key) == 1)
    }

    @Test(
        "A setting of the connection outlives no handler: the store can be used afterwards",
        arguments: [
            "PRAGMA query_only = ON", "PRAGMA max_page_count = 1", "PRAGMA busy_timeout = 0",
            "PRAGMA locking_mode = EXCLUSIVE",
            "PRAGMA wal_autocheckpoint = 0",
        ] as [String]
    )
    func setting(_ sql: String) async throws {
        let (ledger, _, effects) = try await open()
        await #expect(throws: SQLError.self) {
            try await ledger.idempotent(key: key) { [key] transaction, _ in
                try transaction.enter(key)
                try transaction.execute("\(raw: sql)")
            }
        }
        let other = Ledger.key("other")
        try await ledger.idempotent(key: other) { transaction, _ in try transaction.enter(other) }
        #expect(try await effects.count(other) == 1)
        #expect(try await effects.count(key) == 0)
    }

    @Test("What only looks at the schema is allowed")
    func looks() async throws {
        let (ledger, _, _) = try await open()
        try await ledger.transaction { transaction in
            #expect(try transaction.query("PRAGMA table_info(ledger)").count == 3)
            #expect(try transaction.query("PRAGMA foreign_keys").count == 1)
            try transaction.execute("PRAGMA defer_foreign_keys = ON")
            try transaction.execute("PRAGMA user_version = 7")
        }
    }

    @Test("Names that look alike and have other bytes are other tables, whichever was used before")
    func canonicallyEqualNames() async throws {
        let (ledger, _, effects) = try await open()
        let names = ["caf\u{E9}", "cafe\u{301}"]
        for name in names { try await effects.write("CREATE TABLE \(identifier: name) (key TEXT)") }
        for name in names {
            let key = Ledger.key("of \(name.utf8.count) bytes")
            _ = try await ledger.idempotent(key: key) { transaction, _ in
                try transaction.execute("INSERT INTO \(identifier: name) VALUES (\(key.value))")
            }
        }
        for name in names {
            let rows = try await effects.write("SELECT key FROM \(identifier: name) /* \(raw: "\(name.utf8.count)") */")
            #expect(rows.count == 1, "\(name.utf8.count) bytes: \(rows)")
        }
    }

    @Test("A text with a NUL in it is refused, not run up to there")
    func truncated() async throws {
        let (ledger, _, effects) = try await open()
        try await ledger.transaction { [key] transaction in try transaction.enter(key) }
        await #expect(throws: SQLError.self) {
            try await ledger.transaction { transaction in
                try transaction.execute("\(raw: "DELETE FROM ledger \0 WHERE key = 'two'")")
            }
        }
        #expect(try await effects.count(key) == 1)
    }

    @Test("A parameter within quotes is refused, also beside one that is not")
    func quotedParameter() async throws {
        let (ledger, _, effects) = try await open()
        let key = Ledger.key("O'Neill")
        try await ledger.transaction { transaction in
            #expect(throws: SQLError.self) {
                try transaction.execute("INSERT INTO ledger (key, amount) VALUES ('\(key.value)', \(1))")
            }
            #expect(throws: SQLError.self) {
                try transaction.execute("INSERT INTO ledger (key, amount) VALUES ('\(key.value)', 1)")
            }
        }
        #expect(try await effects.write("SELECT * FROM ledger").isEmpty)
    }
}

@Suite("Names in statements")
struct SQLIdentifierTests {
    @Test(
        "A quote in a name is doubled, also one that a combining character follows",
        arguments: ["a\"b", "a\"", "a\"\u{301} b", "a\"\u{200D}b", "\"\u{FE0F}"] as [String]
    )
    func quoted(_ name: String) throws {
        let statement: SQLStatement = "SELECT * FROM \(identifier: name)"
        let text = statement.text(in: .sqlite)
        let quotes = text.unicodeScalars.filter { $0 == "\"" }.count
        #expect(quotes == 2 + 2 * name.unicodeScalars.filter { $0 == "\"" }.count, "\(text)")
        #expect(try SQLTable(name).quoted.unicodeScalars.filter { $0 == "\"" }.count == quotes)
    }

    @Test("A name that came from outside cannot end its quotes")
    func injection() async throws {
        let effects = try await Ledger(try await SQLiteIdempotencyStore(path: ":memory:"))
        try await effects.write("INSERT INTO ledger VALUES ('one', 1, 1), ('two', 2, 2)")
        // The column that a client wants to see of its own rows.
        let column = "key\"\u{301} FROM ledger WHERE ?1 = ?1 --"
        let found = try? await effects.write("SELECT \(identifier: column) FROM ledger WHERE owner = \(3)")
        #expect(found?.isEmpty ?? true)
    }
}
#endif
