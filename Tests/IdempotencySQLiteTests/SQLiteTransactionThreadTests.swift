#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Synchronization
import Testing

@Suite("Effect and result in one transaction, with a handler on the store's thread", .timeLimit(.minutes(10)))
struct SQLiteTransactionThreadTests {
    private let folder = TemporaryFolder()
    private let key = Ledger.key("one")

    private func open() async throws -> (SQLiteTransactionalInterceptor, Ledger) {
        let store = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        return (SQLiteTransactionalInterceptor(store: store), try await Ledger(store))
    }

    @Test("Both are there after the first call, and a duplicate runs nothing")
    func replay() async throws {
        let (ledger, effects) = try await open()
        for call in 1...3 {
            let outcome = try await ledger.outcome(key: key) { [key] transaction, execution in
                try transaction.enter(key)
                return "receipt \(call), attempt \(execution.attempt)"
            }
            #expect(describe(outcome) == (call == 1 ? "ran: " : "replayed: ") + "receipt 1, attempt 1")
        }
        #expect(try await effects.count(key) == 1)
    }

    @Test("What a handler throws undoes its effect alone, and the next call runs")
    func thrown() async throws {
        let (ledger, effects) = try await open()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<64 {
                group.addTask {
                    let key = Ledger.key("key \(number)")
                    do {
                        try await ledger.idempotent(key: key) { transaction, _ in
                            try transaction.enter(key)
                            if number.isMultiple(of: 2) { throw Mishap() }
                        }
                        #expect(!number.isMultiple(of: 2))
                    } catch {
                        #expect(error is Mishap)
                    }
                }
            }
        }
        for number in 0..<64 {
            let key = Ledger.key("key \(number)")
            #expect(try await effects.count(key) == number % 2)
            try await ledger.idempotent(key: key) { transaction, _ in try transaction.enter(key) }
            #expect(try await effects.count(key) == 1)
        }
    }

    @Test("A final failure undoes the effect, is kept, and is thrown again as the same type")
    func finalFailure() async throws {
        let (ledger, effects) = try await open()
        for reason in ["first", "second"] {
            await #expect(throws: Declined(reason: "first")) {
                try await ledger.idempotent(key: key, failures: Declined.self) { [key] transaction, _ in
                    try transaction.enter(key)
                    throw Declined(reason: reason)
                }
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test("What the commit refuses fails for its own handler, not for those that are committed with it")
    func deferredConstraint() async throws {
        let (_, effects) = try await open()
        try await effects.store.enforceForeignKeys()
        try await effects.write("CREATE TABLE owner (id INTEGER PRIMARY KEY)")
        try await effects.write(
            "CREATE TABLE owned (key TEXT, owner INTEGER REFERENCES owner DEFERRABLE INITIALLY DEFERRED)"
        )
        try await effects.expectCulpritFailsAlone(among: 32) { transaction, key in
            try transaction.execute("INSERT INTO owned VALUES (\(key.value), 1)")
        }
    }

    @Test("A handler that makes SQLite undo everything fails alone, whoever is committed with it")
    func undoneBySQLite() async throws {
        let (_, effects) = try await open()
        try await effects.write("CREATE TABLE single (id INTEGER PRIMARY KEY)")
        try await effects.write("INSERT INTO single VALUES (1)")
        try await effects.expectCulpritFailsAlone(among: 32) { transaction, _ in
            _ = try? transaction.execute("INSERT OR ROLLBACK INTO single VALUES (1)")
        }
    }

    @Test("Scenario 38b: a run that lost its key takes its effect back, and says so")
    func zombie() async throws {
        let (ledger, effects) = try await open()
        let other = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        let isTaken = Mutex(false)
        await expectError(.leaseLost) {
            // A record with another version than the one that the run holds, as a takeover leaves it: written by the handler
            // itself, because nobody else can write meanwhile.
            try await ledger.idempotent(key: key) { [key] transaction, _ in
                try transaction.enter(key)
                try transaction.execute("UPDATE idempotency_records SET version = version + 1 WHERE key = \(key.value)")
                isTaken.withLock { $0 = true }
                return 1
            }
        }
        #expect(isTaken.withLock { $0 })
        #expect(try await effects.count(key) == 0)
        #expect(try await other.load(key)?.record.isPending == true)
    }

    @Test("A statement that begins, commits or rolls back is refused")
    func refused() async throws {
        let (ledger, effects) = try await open()
        for sql in ["COMMIT", "ROLLBACK", "BEGIN", "RELEASE idempotency_effects"] {
            await #expect(throws: SQLError.self) {
                try await ledger.idempotent(key: key) { [key] transaction, _ in
                    try transaction.enter(key)
                    try transaction.execute("\(raw: sql)")
                }
            }
            #expect(try await effects.count(key) == 0)
        }
    }

    @Test("A transaction that outlives its handler can do nothing any more")
    func escaped() async throws {
        struct Escape: @unchecked Sendable {
            let transaction: SQLiteTransaction
        }
        let (ledger, _) = try await open()
        let escaped = Mutex<Escape?>(nil)
        try await ledger.idempotent(key: key) { [key] transaction, _ in
            try transaction.enter(key)
            escaped.withLock { $0 = Escape(transaction: transaction) }
        }
        let transaction = try #require(escaped.withLock { $0 }).transaction
        #expect(throws: SQLError.self) { try transaction.enter(key) }
    }

    @Test("Values of every kind go in and come out as they are")
    func values() async throws {
        let (ledger, effects) = try await open()
        try await effects.write("CREATE TABLE kinds (i, d, t, b, n, flag)")
        try await ledger.idempotent(key: key) { transaction, _ in
            let rows: [(Int64, Double, String, [UInt8], Int?, Bool)] = [
                (.max, 0.1, "", [], nil, true), (.min, -1e300, "é\u{301}'\"; --", [0, 255], 5, false),
            ]
            for row in rows {
                try transaction.execute(
                    "INSERT INTO kinds VALUES (\(row.0), \(row.1), \(row.2), \(row.3), \(row.4), \(row.5))"
                )
            }
            let read = try transaction.query(
                "SELECT * FROM kinds ORDER BY i DESC",
                as: Int64.self,
                Double.self,
                String.self,
                [UInt8].self,
                Int?.self,
                Bool.self
            )
            #expect(read.count == 2)
            for (row, read) in zip(rows, read) { #expect(row == read) }
            let names = try transaction.query("SELECT t, n FROM kinds WHERE n IS NULL")
            #expect(try names[0].decode("t", as: String.self).isEmpty)
            #expect(try names[0].decode("n", as: Int?.self) == nil)
        }
    }

    @Test("What cannot be read, bound or prepared is said, and nothing is done")
    func badStatements() async throws {
        let (ledger, effects) = try await open()
        try await ledger.idempotent(key: key) { [key] transaction, _ in
            try transaction.enter(key)
            #expect(throws: SQLError.self) { try transaction.query("SELECT key FROM ledger", as: Int.self) }
            #expect(throws: SQLError.self) {
                try transaction.query("SELECT key FROM ledger", as: String.self, Int.self)
            }
            #expect(throws: SQLError.self) { try transaction.query("SELECT NULL", as: String.self) }
            #expect(throws: SQLError.self) { try transaction.query("SELECT 1 AS a")[0].decode("b", as: Int.self) }
            #expect(throws: SQLError.self) { try transaction.execute("SELECT ?") }
            #expect(throws: SQLError.self) { try transaction.execute("DELETE FROM ledger; DELETE FROM ledger") }
            #expect(throws: SQLError.self) { try transaction.execute("") }
            #expect(try transaction.execute("UPDATE ledger SET amount = 3 WHERE key = 'none'") == 0)
            #expect(try transaction.execute("UPDATE ledger SET amount = 3; -- all of them") == 1)
        }
        #expect(try await effects.count(key) == 1)
    }

    @Test(
        "Without protection, the handler still runs in one transaction",
        arguments: [OperationPolicy.Mode.off, .observeOnly]
    )
    func unprotected(_ mode: OperationPolicy.Mode) async throws {
        let (ledger, effects) = try await open()
        let open = ledger.applying(try OperationPolicy(mode: mode))
        for _ in 1...2 {
            try await open.idempotent(key: key) { [key] transaction, _ in try transaction.enter(key) }
        }
        await #expect(throws: Mishap.self) {
            try await open.idempotent(key: key) { [key] transaction, _ in
                try transaction.enter(key)
                throw Mishap()
            }
        }
        #expect(try await effects.count(key) == 2)
    }

    @Test("In memory, as unit tests do it")
    func memory() async throws {
        let store = try await SQLiteIdempotencyStore(path: ":memory:")
        let effects = try await Ledger(store)
        let ledger = SQLiteTransactionalInterceptor(store: store)
        for _ in 1...2 {
            try await ledger.idempotent(key: key) { [key] transaction, _ in try transaction.enter(key) }
        }
        #expect(try await effects.count(key) == 1)
    }
}
#endif
