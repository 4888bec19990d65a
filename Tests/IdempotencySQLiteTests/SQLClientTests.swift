#if SQLite
import Idempotency
import IdempotencySQL
import Synchronization
import Testing

@Suite("What a store over a client makes of the client's answers")
struct SQLClientTests {
    /// A client that answers as it is told, and remembers what it was asked.
    private final class ScriptedClient: SQLClient {
        let dialect: SQLDialect
        private let answer: @Sendable (_ call: Int) throws -> [[SQLRow]]
        private let calls = Mutex<[[SQLStatement]]>([])

        init(_ dialect: SQLDialect = .postgreSQL, answer: @escaping @Sendable (_ call: Int) throws -> [[SQLRow]]) {
            self.dialect = dialect
            self.answer = answer
        }

        var asked: [[SQLStatement]] { calls.withLock { $0 } }

        func transaction(_ statements: [SQLStatement], isReadOnly: Bool) async throws -> [[SQLRow]] {
            let call = calls.withLock { calls in
                calls.append(statements)
                return calls.count
            }
            return try answer(call)
        }
    }

    private let folder = TemporaryFolder()

    private func key(_ value: String = "k-1") throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "acme", principal: "u-1"), value: value)
    }

    private func refusal(_ body: () async throws -> Void) async -> IdempotencyError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? IdempotencyError
        }
    }

    private func row(_ values: [SQLValue]) -> SQLRow { SQLRow(columns: values.map { _ in "" }, values: values) }

    @Test("A serialization failure or a deadlock is tried again, and not for ever", arguments: ["40001", "40P01"])
    func repeated(_ code: String) async throws {
        let written = row([.integer(7)])
        let client = ScriptedClient { call in
            if call <= 3 { throw SQLError(code: code, message: "") }
            return [[written]]
        }
        let result = try await SQLIdempotencyStore(client).checkAndSet(key(), expecting: nil, .remove)
        guard case .stored(let version) = result else { throw SQLError(code: "", message: "\(result)") }
        #expect(version.rawValue == 7)
        #expect(client.asked.count == 4)

        let failing = ScriptedClient { _ in throw SQLError(code: code, message: "") }
        let error = await refusal { _ = try await SQLIdempotencyStore(failing).load(key()) }
        #expect(error?.code == .storeUnavailable)
        #expect((2...100).contains(failing.asked.count))
    }

    @Test("Any other error is thrown at once", arguments: ["23505", "57014", "08006", ""])
    func notRepeated(_ code: String) async throws {
        let client = ScriptedClient { _ in throw SQLError(code: code, message: "") }
        let error = await refusal {
            _ = try await SQLIdempotencyStore(client).checkAndSet(key(), expecting: nil, .remove)
        }
        #expect(error?.code == .storeUnavailable)
        #expect(client.asked.count == 1)
    }

    @Test("A refused claim that finds nothing in its way is made again, and not for ever")
    func contradiction() async throws {
        let written = row([.integer(7)])
        let client = ScriptedClient { call in call <= 3 ? [[]] : [[written]] }
        guard case .stored = try await SQLIdempotencyStore(client).checkAndSet(key(), expecting: nil, .remove) else {
            throw SQLError(code: "", message: "not stored")
        }
        #expect(client.asked.count == 4)

        let never = ScriptedClient { _ in [[]] }
        let error = await refusal {
            _ = try await SQLIdempotencyStore(never).checkAndSet(key(), expecting: nil, .remove)
        }
        #expect(error?.code == .contention)
        // Who expects a version has lost it.
        let expected = RecordVersion(rawValue: 3)
        guard
            case .conflict(nil) = try await SQLIdempotencyStore(never).checkAndSet(key(), expecting: expected, .remove)
        else { throw SQLError(code: "", message: "no conflict") }
    }

    @Test("An error says what to do, and nothing that the database said")
    func advice() async throws {
        let cases: [(SQLDialect, String, String, IdempotencyError.Code, String)] = [
            (.postgreSQL, "42P01", "secret", .storeUnavailable, "call migrate()"),
            (.postgreSQL, "3F000", "secret", .storeUnavailable, "CREATE SCHEMA"),
            (.postgreSQL, "42501", "secret", .storeUnavailable, "grant"),
            (.postgreSQL, "25006", "secret", .storeUnavailable, "connect to the primary"),
            (.postgreSQL, "53100", "secret", .storeUnavailable, "no room"),
            (.postgreSQL, "XX000", "secret", .storeUnavailable, "not known"),
            (.sqlite, "1", "no such table: secret", .storeUnavailable, "call migrate()"),
            (.sqlite, "517", "secret", .storeUnavailable, "holds the lock"),
            (.sqlite, "13", "secret", .storeUnavailable, "disk is full"),
            (.sqlite, "18", "secret", .capacityExceeded, "larger than SQLite takes"),
        ]
        for (dialect, code, text, expected, advice) in cases {
            let client = ScriptedClient(dialect) { _ in throw SQLError(code: code, message: text) }
            let error = await refusal { _ = try await SQLIdempotencyStore(client).load(key()) }
            #expect(error?.code == expected)
            #expect(error?.message.contains(advice) == true, "\(code): \(error?.message ?? "")")
            #expect(error?.message.contains("secret") == false)
            #expect(error?.cause as? SQLError == SQLError(code: code, message: text))
        }
        struct Lost: Error {}
        let lost = ScriptedClient { _ in throw Lost() }
        let error = await refusal { _ = try await SQLIdempotencyStore(lost).load(key()) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.cause is Lost)
    }

    @Test("A client that takes one column for another is an error, and no record")
    func unreadable() async throws {
        let odd = row([.null, .text("7"), .text("x"), .integer(1), .bytes([]), .integer(0)])
        let error = await refusal { _ = try await SQLIdempotencyStore(ScriptedClient { _ in [[odd]] }).load(key()) }
        #expect(error?.code == .storeUnavailable)
    }

    @Test("On PostgreSQL a load, a change and a purge are one statement each: no transaction, one round trip")
    func oneRoundTrip() async throws {
        let client = ScriptedClient { _ in [[SQLRow(columns: ["written"], values: [.integer(7)])]] }
        let store = SQLIdempotencyStore(client)
        let version = RecordVersion(rawValue: 3)
        // The finish is repeated until the lease is over.
        let policy = try OperationPolicy(lease: .milliseconds(100))
        let interceptor = IdempotencyInterceptor(store: store, policy: policy)
        // A claim and a finish.
        _ = try? await interceptor.idempotent(key: key()) { _ in "A" }
        _ = try await store.checkAndSet(key(), expecting: version, .remove)
        _ = try await store.checkAndSet(key(), expecting: nil, .remove)
        _ = try? await store.load(key())
        _ = try await store.purge(limit: 10)
        #expect(client.asked.count >= 6)
        #expect(client.asked.allSatisfy { $0.count == 1 })
    }

    @Test("Each parameter stands in its statement once, and in order, whatever the table is called")
    func parameters() async throws {
        for dialect in SQLDialect.allCases {
            let client = ScriptedClient(dialect) { _ in [[]] }
            let table = try SQLTable("a?1$2'")
            let store = SQLIdempotencyStore(client, table: table)
            let query = RecordQuery(
                states: [.inProgress, .lapsed],
                operation: "charge",
                tenant: "?1",
                principal: "$2",
                minimumAge: .seconds(1)
            )
            _ = try? await store.list(query, after: RecordCursor(rawValue: "v17"), limit: 10)
            _ = try? await store.list(RecordQuery(), after: RecordCursor(rawValue: "e17.4"), limit: 10)
            _ = try? await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" }
            _ = try? await store.checkAndSet(key(), expecting: RecordVersion(rawValue: 3), .remove)
            _ = try? await store.purge(limit: 10)
            _ = try? await store.check()
            _ = try? await store.migrate()
            let sign = dialect == .sqlite ? "?" : "$"
            for statement in client.asked.joined() {
                var text = statement.text(in: dialect).replacing("a?1$2", with: "records")[...]
                for number in 1..<(statement.parameters.count + 1) {
                    let place = try #require(text.firstRange(of: sign + "\(number)"), "\(number) in \(text)")
                    #expect(!text[..<place.lowerBound].contains(sign))
                    text = text[place.upperBound...]
                    #expect(text.first?.isNumber != true)
                }
                #expect(!text.contains(sign), "\(statement.text(in: dialect))")
            }
        }
    }

    @Test("A lost check on SQLite writes nothing")
    func lostCheckWritesNothing() async throws {
        let store = SQLIdempotencyStore(try BareSQLiteClient(folder.path("keys.db")))
        try await store.migrate()
        let interceptor = IdempotencyInterceptor(store: store)
        _ = try await interceptor.idempotent(key: key()) { _ in "A" }
        let watch = try BareSQLiteClient(folder.path("keys.db"))
        let before = try await watch.transaction(["PRAGMA data_version"], isReadOnly: true)
        #expect(try await interceptor.idempotent(key: key()) { _ in "no" } == "A")
        let stale = RecordVersion(rawValue: 1)
        guard case .conflict(_?) = try await store.checkAndSet(key(), expecting: stale, .remove) else {
            throw SQLError(code: "", message: "no conflict")
        }
        #expect(try await watch.transaction(["PRAGMA data_version"], isReadOnly: true) == before)
    }

    @Test("Versions begin at the clock, also after a copy of the file was played back")
    func versionsBeginAtTheClock() async throws {
        let client = try BareSQLiteClient(folder.path("keys.db"))
        let store = SQLIdempotencyStore(client, clock: { 1_795_000_000_000_000 })
        try await store.migrate()
        for value in ["before", "after"] {
            _ = try await IdempotencyInterceptor(store: store).idempotent(key: key(value)) { _ in "A" }
            #expect(try await store.load(key(value))?.version.rawValue ?? 0 > 1_795_000_000_000_000)
            let back: SQLStatement = "UPDATE idempotency_records_meta SET last_version = 17"
            _ = try await client.transaction([back], isReadOnly: false)
        }
    }

    @Test("A table of a newer release is left alone, and fails the check")
    func newerSchema() async throws {
        let client = try BareSQLiteClient(folder.path("keys.db"))
        let store = SQLIdempotencyStore(client)
        try await store.migrate()
        #expect(try await store.check().product == "SQLite")
        _ = try await client.transaction(
            ["UPDATE idempotency_records_meta SET schema_version = 99", "DROP INDEX idempotency_records_open"],
            isReadOnly: false
        )
        for error in [await refusal(store.migrate), await refusal { try await store.check() }] {
            #expect(error?.code == .unsupportedSchemaVersion)
            #expect(error?.message.contains("upgrade this service") == true)
        }
        let indexes = try await client.transaction(
            ["SELECT name FROM sqlite_master WHERE name = 'idempotency_records_open'"],
            isReadOnly: true
        )
        #expect(indexes == [[]])
    }

    @Test("Without its table the store fails its check, and says what to do")
    func notMigrated() async throws {
        let store = SQLIdempotencyStore(try BareSQLiteClient(":memory:"))
        let error = await refusal { try await store.check() }
        #expect(error?.message.contains("call migrate()") == true)
    }
}
#endif
