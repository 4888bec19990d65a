#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import Synchronization
import Testing

@Suite("A PostgreSQL server that fails under load", .serialized, .timeLimit(.minutes(10)))
struct PostgreSQLFaultTests {
    /// What came of many calls.
    private final class Tally: Sendable {
        private struct State {
            var acknowledged: [String] = []
            var failed = 0
            var longest = Duration.zero
            var isOver = false
        }

        private let state = Mutex(State())

        var acknowledged: [String] { state.withLock { $0.acknowledged } }
        var failed: Int { state.withLock { $0.failed } }
        var longest: Duration { state.withLock { $0.longest } }
        var isOver: Bool { state.withLock { $0.isOver } }

        func acknowledge(_ name: String) { state.withLock { $0.acknowledged.append(name) } }
        func fail() { state.withLock { $0.failed += 1 } }
        func took(_ span: Duration) { state.withLock { $0.longest = max($0.longest, span) } }
        func end() { state.withLock { $0.isOver = true } }
    }

    private static func key(_ value: String) throws -> IdempotencyKey {
        try IdempotencyKey(operation: "charge", value: value)
    }

    /// Calls the store from many tasks while something happens to the server. Returns what was acknowledged, and how many calls
    /// failed; none of them may take longer than the timeouts allow.
    private func load(
        _ store: PostgreSQLIdempotencyStore,
        during fault: () async throws -> Void
    ) async throws -> (acknowledged: [String], failed: Int) {
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var number = 0
                    while !tally.isOver {
                        number += 1
                        let name = "k-\(task)-\(number)"
                        let interceptor = IdempotencyInterceptor(
                            store: store,
                            policy: try OperationPolicy(lease: .milliseconds(500))
                        )
                        let start = ContinuousClock.now
                        do {
                            let answer = try await interceptor.idempotent(key: Self.key(name)) { _ in name }
                            tally.acknowledge(answer)
                        } catch {
                            tally.fail()
                            // Calls fail at once while the server is away.
                            try await Task.sleep(for: .milliseconds(5))
                        }
                        tally.took(start.duration(to: .now))
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(300))
            try await fault()
            try await Task.sleep(for: .milliseconds(500))
            tally.end()
            try await group.waitForAll()
        }
        #expect(tally.longest < .seconds(60), "a call took \(tally.longest)")
        return (tally.acknowledged, tally.failed)
    }

    private func requireKept(_ names: [String], in store: PostgreSQLIdempotencyStore) async throws {
        var lost: [String] = []
        for name in names {
            let found = try await store.load(Self.key(name))
            if found?.state != .done { lost.append(name) }
        }
        #expect(names.count > 10)
        #expect(lost.isEmpty, "\(lost.count) of \(names.count) acknowledged answers are lost: \(lost.prefix(3))")
    }

    /// Waits until the store serves again.
    private func recover(_ store: PostgreSQLIdempotencyStore) async throws {
        for _ in 0..<600 {
            if await refusal({ try await store.check() }) == nil { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("the store did not recover within 30 seconds")
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
        let (acknowledged, _) = try await load(store) {
            for _ in 0..<10 {
                try executioner.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(name)'"
                )
                try await Task.sleep(for: .milliseconds(60))
            }
        }
        try await recover(store)
        try await requireKept(acknowledged, in: store)
        await store.close()
    }

    @Test("Scenario 33: it crashes and comes back: nothing acknowledged is lost, and the store goes on")
    func crashed() async throws {
        let server = try OwnServer()
        let store = try await PostgreSQLIdempotencyStore(server.connectionString, options: options)
        let (acknowledged, failed) = try await load(store) {
            try server.control("crash")
            try await Task.sleep(for: .milliseconds(300))
            let error = await refusal { _ = try await store.load(Self.key("x")) }
            #expect(error?.code == .storeUnavailable)
            try server.control("resume")
        }
        #expect(failed > 0)
        try await recover(store)
        try await requireKept(acknowledged, in: store)
        await store.close()
    }

    @Test("Scenario 33: it stands still: every call ends, and afterwards the store goes on")
    func paused() async throws {
        let server = try OwnServer()
        let store = try await PostgreSQLIdempotencyStore(server.connectionString, options: options)
        let (acknowledged, failed) = try await load(store) {
            try server.control("pause")
            try await Task.sleep(for: .seconds(3))
            #expect(await refusal { _ = try await store.load(Self.key("x")) }?.code == .storeUnavailable)
            try server.control("continue")
        }
        #expect(failed > 0)
        try await recover(store)
        try await requireKept(acknowledged, in: store)
        await store.close()
    }
}
#endif
