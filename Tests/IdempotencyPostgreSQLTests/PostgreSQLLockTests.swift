#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
import TestSupport
import Testing

@Suite("Nobody's call to a PostgreSQL store waits for another key's row", .timeLimit(.minutes(10)))
struct PostgreSQLLockTests {
    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    private func pending(_ claimant: UInt64 = 1) -> IdempotencyRecord {
        IdempotencyRecord(
            state: .pending(unknown: nil),
            attempt: 1,
            claimant: Claimant(high: 1, low: claimant),
            token: 0,
            fingerprint: nil,
            lapsePolicy: .rerun,
            isKnownWithoutEffect: true,
            lease: 60_000_000_000,
            retention: 3_600_000_000_000,
            checkpoints: []
        )
    }

    private func write(
        _ store: PostgreSQLIdempotencyStore,
        _ name: String,
        over version: RecordVersion?,
        claimant: UInt64 = 1
    ) async throws -> RecordVersion {
        guard
            case .stored(let version) = try await store.checkAndSet(
                key(name),
                expecting: version,
                .write(pending(claimant))
            )
        else { throw CancellationError() }
        return version
    }

    /// Runs calls that cannot be answered yet; renews another key's claim many times meanwhile.
    private func renewBeside(
        _ store: PostgreSQLIdempotencyStore,
        _ count: Int,
        _ blocked: @escaping @Sendable (Int) async throws -> RecordVersion,
        unblock: () throws -> Void
    ) async throws {
        var version = try await write(store, "running", over: nil)
        let (started, answered) = (Counter(), Counter())
        let calls = (0..<count).map { number in
            Task {
                started.add()
                defer { answered.add() }
                return try await blocked(number)
            }
        }
        await started.wait(for: count)
        for _ in 0..<50 { version = try await write(store, "running", over: version) }
        // A claim and a finish of others pass as well.
        _ = try await IdempotencyInterceptor(store: store).idempotent(key: key("another")) { _ in "A" }
        #expect(answered.value == 0, "the calls that were to be in the way were answered")
        try unblock()
        for call in calls { _ = try await call.value }
    }

    @Test("Eighty rows that another transaction has locked hold up no other key, and are written once they are free")
    func lockedRows() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        var versions: [RecordVersion] = []
        for number in 0..<80 { versions.append(try await write(store, "k-\(number)", over: nil)) }
        let other = try RawConnection()
        try other.run("BEGIN; SELECT * FROM \(table.quoted) FOR UPDATE")
        let locked = versions
        try await renewBeside(store, 80) { number in
            try await write(store, "k-\(number)", over: locked[number], claimant: 2)
        } unblock: {
            try other.run("ROLLBACK")
        }
        await store.close()
    }

    @Test("A claim of a key that another transaction has inserted and not committed holds up no other key")
    func uncommittedInsert() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        let other = try RawConnection()
        let rows = (0..<5).map { number in
            let key = "'charge', 'k-\(number)', 'charge'"
            return "(\(key), 'pending', 1, 1, 0, 0, 1::bigint << 62, '')"
        }
        try other.run(
            """
            BEGIN; INSERT INTO \(table.quoted)
                (scope, key, operation, state, attempt, version, written_at, held_until, expires_at, record)
            VALUES \(rows.joined(separator: ", "))
            """
        )
        try await renewBeside(store, 5) { number in
            try await write(store, "k-\(number)", over: nil, claimant: 2)
        } unblock: {
            try other.run("ROLLBACK")
        }
        await store.close()
    }

    @Test("A call whose row stays locked is refused after the lock timeout, and says so")
    func refused() async throws {
        let table = try Server.freshTable()
        var options = PostgreSQLOptions.patient
        options.lockTimeout = .milliseconds(100)
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options)
        let version = try await write(store, "k", over: nil)
        let other = try RawConnection()
        try other.run("BEGIN; SELECT * FROM \(table.quoted) FOR UPDATE")
        let error = await refusal { _ = try await write(store, "k", over: version) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.message.contains("holds the row's lock") == true)
        try other.run("ROLLBACK")
        _ = try await write(store, "k", over: version)
        await store.close()
    }

    @Test("Whoever begins to wait for a key does not wait for other keys' rows, nor for its own")
    func marks() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        for number in 0..<10 { _ = try await write(store, "k-\(number)", over: nil) }
        let other = try RawConnection()
        try other.run("BEGIN; SELECT * FROM \(table.quoted) WHERE key <> 'k-9' FOR UPDATE")
        var subscriptions: [any StoreSubscription] = []
        for number in 0..<10 { subscriptions.append(try await store.subscribe(to: key("k-\(number)")) {}) }
        #expect(try RawConnection().run("SELECT key FROM \(table.quoted) WHERE awaited") == [["k-9"]])
        for subscription in subscriptions { subscription.cancel() }
        try other.run("ROLLBACK")
        await store.close()
    }
}
#endif
