#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
import Testing

@Suite("A PostgreSQL server that fails under load", .serialized, .timeLimit(.minutes(10)))
struct PostgreSQLFaultTests {
    /// What was acknowledged is there; no call took longer than the timeouts allow; and the store serves again.
    private func check(_ load: StoreLoad, _ store: PostgreSQLIdempotencyStore) async throws {
        #expect(try await StoreLoad.recover(store), "the store did not recover")
        #expect(load.acknowledged.count >= 100)
        let lost = try await load.lost(in: store)
        #expect(
            lost.isEmpty,
            "\(lost.count) of \(load.acknowledged.count) acknowledged answers are lost: \(lost.prefix(3))"
        )
    }

    private var options: PostgreSQLOptions {
        var options = PostgreSQLOptions()
        options.connectTimeout = .seconds(1)
        options.statementTimeout = .seconds(1)
        options.lockTimeout = .milliseconds(500)
        return options
    }

    @Test("Scenario 33: its sessions are ended again and again: nothing acknowledged is lost, and the store goes on")
    func terminated() async throws {
        let name = Server.freshName("victim")
        let server = try Server.connectionString + " application_name=\(name)"
        let store = try await PostgreSQLIdempotencyStore(server, table: Server.freshTable(), options: options)
        let executioner = try RawConnection()
        let load = try await StoreLoad.run(store) {
            for _ in 0..<10 {
                try executioner.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(name)'"
                )
                try await Task.sleep(for: .milliseconds(60))
            }
        }
        try await check(load, store)
        await store.close()
    }

    @Test("Scenario 33: it crashes and comes back: nothing acknowledged is lost, and the store goes on")
    func crashed() async throws {
        let server = try OwnServer()
        let store = try await PostgreSQLIdempotencyStore(server.connectionString, options: options)
        let load = try await StoreLoad.run(store) {
            try server.control("crash")
            try await Task.sleep(for: .milliseconds(300))
            let error = await refusal { _ = try await store.load(StoreLoad.key("x")) }
            #expect(error?.code == .storeUnavailable)
            try server.control("resume")
        }
        #expect(load.failed > 0)
        try await check(load, store)
        await store.close()
    }

    @Test("Scenario 33: it stands still: every call ends, and afterwards the store goes on")
    func paused() async throws {
        let server = try OwnServer()
        let store = try await PostgreSQLIdempotencyStore(server.connectionString, options: options)
        let load = try await StoreLoad.run(store) {
            try server.control("pause")
            try await Task.sleep(for: .seconds(3))
            #expect(await refusal { _ = try await store.load(StoreLoad.key("x")) }?.code == .storeUnavailable)
            try server.control("continue")
        }
        #expect(load.failed > 0)
        try await check(load, store)
        await store.close()
    }
}
#endif
