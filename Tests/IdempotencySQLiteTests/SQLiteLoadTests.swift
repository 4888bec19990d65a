#if SQLite
import CSQLite
import Dispatch
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import IdempotencyTesting
import Testing

@Suite("A SQLite store under load", .serialized, .timeLimit(.minutes(10)))
struct SQLiteLoadTests {
    /// Whose handlers keep their transactions open meanwhile.
    enum Handlers: CaseIterable {
        /// Those of tasks of their own, one open at a time.
        case elsewhere
        /// Those that run on the store's thread.
        case onThread
        /// Another process's, as far as SQLite can tell.
        case ofAnotherStore
        /// The same, with handlers that run on the other store's thread.
        case onAnotherThread
    }

    private let folder = TemporaryFolder()

    private func check(_ rule: StoreConformanceCheck, _ handlers: Handlers) async throws {
        try await StoreConformanceCheck.withGrowingTick { tick in
            let path = folder.path("keys-\(UInt64.random(in: 0 ... .max)).db")
            let store = try await SQLiteIdempotencyStore(path: path)
            let other = try await SQLiteIdempotencyStore(path: path)
            let load = ConformanceLoad(maximumCalls: 50_000) { _, body in
                try await keep(handlers, store, other, during: body)
            }
            let subject = StoreUnderTest(store, tick: tick, load: load) { try await Task.sleep(for: $0) }
            #expect(rule.applies(to: subject))
            try await rule.run(on: subject)
            await store.close()
            await other.close()
        }
    }

    private func keep(
        _ handlers: Handlers,
        _ store: SQLiteIdempotencyStore,
        _ other: SQLiteIdempotencyStore,
        during body: () async throws -> Void
    ) async throws {
        let elsewhere = TransactionalInterceptor(store: handlers == .ofAnotherStore ? other : store)
        let isOther = handlers == .onAnotherThread
        let onThread = SQLiteTransactionalInterceptor(store: isOther ? other : store)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<50 {
                group.addTask {
                    var round = 0
                    while !Task.isCancelled {
                        round += 1
                        let key = try IdempotencyKey(operation: "handlers", value: "\(caller)-\(round)")
                        // Those that wait too long are refused.
                        if handlers == .onThread || isOther {
                            _ = try? await onThread.idempotent(key: key) { transaction, _ in
                                _ = try transaction.query("SELECT 1")
                                let end = DispatchTime.now() + .milliseconds(isOther ? 300 : 20)
                                while DispatchTime.now() < end {}
                            }
                        } else {
                            _ = try? await elsewhere.idempotent(key: key) { transaction, _ in
                                try await transaction.execute("SELECT 1")
                                try await Task.sleep(for: .milliseconds(100))
                            }
                        }
                    }
                }
            }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test(
        "In a flood, beside operators, and whoever waits",
        arguments: [StoreConformanceCheck.leasesHoldInAFlood, .leasesHoldBesideOperators, .waitersAreAnsweredInTime]
    )
    func load(_ rule: StoreConformanceCheck) async throws { try await check(rule, .elsewhere) }

    @Test("Beside fifty callers' handlers that keep the write lock in turn", arguments: Handlers.allCases)
    func handlers(_ handlers: Handlers) async throws { try await check(.leasesHoldBesideHeldKeys, handlers) }

    @Test("Beside a process that keeps the write lock: every call ends")
    func lockedFile() async throws {
        try await StoreConformanceCheck.withGrowingTick { tick in
            let path = folder.path("locked-\(UInt64.random(in: 0 ... .max)).db")
            let store = try await SQLiteIdempotencyStore(path: path, busyTimeout: .seconds(1))
            // A call may stand behind one that waits.
            let load = ConformanceLoad(callLimit: .seconds(2)) { _, body in
                var handle: OpaquePointer?
                try #require(sqlite3_open(path, &handle) == SQLITE_OK)
                defer { sqlite3_close(handle) }
                try #require(sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK)
                try await body()
            }
            let subject = StoreUnderTest(store, tick: tick, load: load) { try await Task.sleep(for: $0) }
            let rule = StoreConformanceCheck.callsOfHeldKeysEnd
            #expect(rule.applies(to: subject))
            try await rule.run(on: subject)
            await store.close()
        }
    }
}
#endif
