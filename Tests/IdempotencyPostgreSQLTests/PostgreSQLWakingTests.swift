#if PostgreSQL
import Idempotency
import IdempotencySQL
import ServerHarness
import TestSupport
import Testing

@testable import IdempotencyPostgreSQL

@Suite("Who waits for another process's run", .timeLimit(.minutes(10)))
struct PostgreSQLWakingTests {
    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    private func wait(_ what: String, for isSo: () throws -> Bool) async throws {
        #expect(try await becomes { try isSo() }, "\(what) did not come")
    }

    @Test("It is told of by one notification, and of what nobody waits for none is sent")
    func notified() async throws {
        let table = try Server.freshTable()
        let waiting = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        let running = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        let ear = try RawConnection()
        try ear.run("LISTEN \(ear.run(waiting.statementTexts.channel)[0][0])")
        let interceptor = IdempotencyInterceptor(store: running)
        for number in 0..<50 { _ = try await interceptor.idempotent(key: key("k-\(number)")) { _ in "A" } }
        #expect(try ear.notifications() == 0)

        let wakes = Counter()
        let answer = try await interceptor.idempotent(key: key("awaited")) { [key = try key("awaited")] _ in
            let subscription = try await waiting.subscribe(to: key) { wakes.add() }
            _ = subscription
            return "A"
        }
        #expect(answer == "A")
        try await wait("a wake-up") { wakes.value > 0 }
        var count = 0
        try await wait("a notification") {
            count += try ear.notifications()
            return count > 0
        }
        #expect(count == 1)
        await waiting.close()
        await running.close()
    }

    @Test("Many that begin to wait at once are marked by statements that lock a thousand rows at most")
    func manyMarks() async throws {
        let table = try Server.freshTable()
        var options = PostgreSQLOptions.patient
        options.lockTimeout = .seconds(20)
        options.statementTimeout = .seconds(30)
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: options)
        let connection = try RawConnection()
        let (log, counter) = (Server.freshName("log"), Server.freshName("f"))
        let (hold, waiter) = (Server.freshName("hold"), Server.freshName("f"))
        try connection.run(
            """
            INSERT INTO \(table.quoted) (scope, key, operation, state, attempt, version, written_at, held_until, expires_at, record)
            SELECT 'charge', 'k-' || n, 'charge', 'pending', 1, n, 0, 0, 1::bigint << 62, '' FROM generate_series(1, 5000) AS n;
            CREATE TABLE \(log) (rows bigint);
            CREATE FUNCTION \(counter)() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO \(log) SELECT count(*) FROM changed;
                RETURN NULL;
            END $$;
            CREATE TRIGGER counted AFTER UPDATE ON \(table.quoted) REFERENCING NEW TABLE AS changed
                FOR EACH STATEMENT EXECUTE FUNCTION \(counter)();
            CREATE TABLE \(hold) (number bigint);
            INSERT INTO \(hold) VALUES (1);
            CREATE FUNCTION \(waiter)() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                WHILE EXISTS (SELECT FROM \(hold)) LOOP PERFORM pg_sleep(0.01); END LOOP;
                RETURN NULL;
            END $$;
            CREATE TRIGGER held BEFORE UPDATE ON \(table.quoted) FOR EACH STATEMENT EXECUTE FUNCTION \(waiter)()
            """
        )
        // The first statement is held up, and meanwhile the others gather behind it.
        try await withThrowingTaskGroup(of: (any StoreSubscription).self) { group in
            group.addTask { try await store.subscribe(to: key("k-1")) {} }
            let observer = try RawConnection()
            try await wait("the first statement") {
                try observer.run("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") != [["0"]]
            }
            for number in 2...5000 {
                group.addTask { try await store.subscribe(to: key("k-\(number)")) {} }
            }
            try await wait("the others") { store.subscribers.keys.count == 5000 }
            try await Task.sleep(for: .milliseconds(50))
            try connection.run("DELETE FROM \(hold)")
            for try await subscription in group { subscription.cancel() }
        }
        #expect(try connection.run("SELECT count(*) FROM \(table.quoted) WHERE awaited") == [["5000"]])
        #expect(try connection.run("SELECT max(rows) <= 1000 FROM \(log)") == [["t"]])
        await store.close()
    }

    @Test("What listens makes no connection after its end")
    func closed() async throws {
        let name = Server.freshName("closed")
        let address = try Server.connectionString + " application_name=\(name)"
        let store = try await PostgreSQLIdempotencyStore(address, table: Server.freshTable())
        let changes = PostgreSQLChangeSource(store.opener, store.statements)
        let subscription = try await changes.subscribe { _ in }
        await changes.close()
        subscription.cancel()
        for _ in 0..<2 {
            let error = await refusal { _ = try await changes.subscribe { _ in } }
            #expect(error?.message.contains("is closed") == true)
        }
        let error = await refusal { try await changes.mark([key("k")]) }
        #expect(error?.message.contains("is closed") == true)
        await store.close()
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '\(name)'"
        let connection = try RawConnection()
        try await wait("the end of all connections") { try connection.run(count) == [["0"]] }
    }

    @Test("Whose listening connection is ended still learns of the change")
    func listenerKilled() async throws {
        let table = try Server.freshTable()
        let name = Server.freshName("waiting")
        let server = try Server.connectionString
        let waiting = try await PostgreSQLIdempotencyStore(server + " application_name=\(name)", table: table)
        let running = try await PostgreSQLIdempotencyStore(server, table: table)
        let policy = try OperationPolicy(waitLimit: .seconds(100), pollInterval: .seconds(90))
        let following = IdempotencyInterceptor(store: waiting, policy: policy)
        let key = try key("k")
        let gate = Counter()
        let run = Task {
            try await IdempotencyInterceptor(store: running).idempotent(key: key) { _ in
                while gate.value == 0 { try await Task.sleep(for: .milliseconds(5)) }
                return "A"
            }
        }
        let connection = try RawConnection()
        func rows(_ condition: String) throws -> Bool {
            try connection.run("SELECT count(*) FROM \(table.quoted) WHERE \(condition)") == [["1"]]
        }
        try await wait("a claim") { try rows("state = 'pending'") }
        let follower = Task { try await following.idempotent(key: key) { _ in "B" } }
        try await wait("somebody who waits") { try rows("awaited") }
        try connection.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(name)'")
        gate.add()
        #expect(try await run.value == "A")
        #expect(try await follower.value == "A")
        await waiting.close()
        await running.close()
    }
}
#endif
