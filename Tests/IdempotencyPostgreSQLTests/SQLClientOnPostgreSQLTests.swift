#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import IdempotencyTesting
import Testing

@Suite("A store over a driver of one's own, on PostgreSQL", .serialized, .timeLimit(.minutes(10)))
struct SQLClientOnPostgreSQLTests {
    @Test("Rule by rule", arguments: StoreConformanceCheck.allCases)
    func rules(_ rule: StoreConformanceCheck) async throws {
        try await StoreConformanceCheck.withGrowingTick { tick in try await run(rule, tick) }
    }

    private func run(_ rule: StoreConformanceCheck, _ tick: Duration) async throws {
        let (one, other) = (
            try await PostgreSQLIdempotencyStore(Server.connectionString, options: .patient),
            try await PostgreSQLIdempotencyStore(Server.connectionString, options: .patient)
        )
        let table = try Server.freshTable()
        let store = SQLIdempotencyStore(SessionClient(store: one), table: table)
        try await store.migrate()
        // A purge leaves for a minute what has expired: it need not find what a check has just let expire.
        let subject = StoreUnderTest(
            store,
            another: SQLIdempotencyStore(SessionClient(store: other), table: table),
            tick: tick,
            rounds: 20,
            sweepsByItself: true,
            advanceTime: { try await Task.sleep(for: $0) }
        )
        try await rule.run(on: subject)
        await one.close()
        await other.close()
    }

    @Test("A claim that was held up in the middle has a greater version than whoever came before it")
    func heldUp() async throws {
        let libpq = try await PostgreSQLIdempotencyStore(Server.connectionString, options: .patient)
        let table = try Server.freshTable()
        let store = SQLIdempotencyStore(SessionClient(store: libpq), table: table)
        try await store.migrate()
        let key = try IdempotencyKey(operation: "charge", value: "held")
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: key) { _ in "receipt" }
        let record = try #require(try await store.load(key)).record
        let connection = try RawConnection()
        try connection.run("UPDATE \(table.quoted) SET expires_at = 1; BEGIN; SELECT 1 FROM \(table.quoted) FOR UPDATE")
        // Its statement has begun, and waits for the row.
        let claim = Task { try await store.checkAndSet(key, expecting: nil, .write(record)) }
        // Seen from outside of the transaction: within it, the server shows the first look's activity again and again.
        let observer = try RawConnection()
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%\(table.name)%'"
        while try observer.run(waiting) == [["0"]] { try await Task.sleep(for: .milliseconds(5)) }
        let sequence = SQLSchema(table: table, dialect: .postgreSQL).versionSequence
        let drawn = try connection.run(
            "UPDATE \(table.quoted) SET version = nextval('\(sequence)') RETURNING version; "
        )
        try connection.run("COMMIT")
        guard case .stored(let version) = try await claim.value else {
            Issue.record("not stored")
            return
        }
        #expect(version.rawValue > UInt64(drawn[0][0])!)
        await libpq.close()
    }
}
#endif
