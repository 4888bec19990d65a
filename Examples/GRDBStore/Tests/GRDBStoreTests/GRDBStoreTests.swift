import Foundation
import GRDB
import Idempotency
import IdempotencySQL
import IdempotencyTesting
import Testing

@testable import GRDBStore

// One after the other: they run on the machine's clock.
@Suite("A store over GRDB", .serialized, .timeLimit(.minutes(10)))
struct GRDBStoreTests {
    private let folder = TemporaryFolder()

    private func open(_ database: any DatabaseWriter) async throws -> SQLIdempotencyStore {
        let store = SQLIdempotencyStore(GRDBClient(database: database))
        try await store.migrate()
        return store
    }

    private func check(
        _ check: StoreConformanceCheck,
        _ tick: Duration,
        _ store: SQLIdempotencyStore,
        another: SQLIdempotencyStore? = nil,
        reopen: (@Sendable () async throws -> any IdempotencyStore)? = nil
    ) async throws {
        let subject = StoreUnderTest(store, another: another, tick: tick, rounds: 10, reopen: reopen) {
            try await Task.sleep(for: $0)
        }
        try await check.run(on: subject)
    }

    @Test("Rule by rule, in a file that two pools have open", arguments: StoreConformanceCheck.allCases)
    func pools(_ rule: StoreConformanceCheck) async throws {
        let path = folder.path("keys.db")
        try await StoreConformanceCheck.withGrowingTick { tick in
            let pool = try DatabasePool.durable(path: path)
            let another = try await open(DatabasePool.durable(path: path))
            try await check(rule, tick, try await open(pool), another: another) {
                try pool.close()
                return try await open(DatabasePool.durable(path: path))
            }
        }
    }

    @Test("Rule by rule, in a queue in memory", arguments: StoreConformanceCheck.allCases)
    func memory(_ rule: StoreConformanceCheck) async throws {
        try await StoreConformanceCheck.withGrowingTick { tick in
            try await check(rule, tick, try await open(DatabaseQueue()))
        }
    }

    @Test("Two stores on one file: one run of each key, and every call has its result")
    func twoStores() async throws {
        let path = folder.path("keys.db")
        let interceptors = [
            IdempotencyInterceptor(store: try await open(DatabasePool.durable(path: path))),
            IdempotencyInterceptor(store: try await open(DatabasePool.durable(path: path))),
        ]
        let ledger = try DatabasePool.durable(path: folder.path("ledger.db"))
        try await ledger.write { try $0.execute(sql: "CREATE TABLE runs (number INTEGER NOT NULL)") }
        let policy = try OperationPolicy(waitLimit: .seconds(60), pollInterval: .milliseconds(20))
        try await withThrowingTaskGroup { group in
            for call in 0..<200 {
                let number = call / 8
                let interceptor = interceptors[call % 2].applying(policy)
                group.addTask {
                    let key = try IdempotencyKey(operation: "run", value: "k-\(number)")
                    let result = try await interceptor.idempotent(key: key) { _ in
                        try await ledger.write {
                            try $0.execute(sql: "INSERT INTO runs VALUES (?)", arguments: [number])
                        }
                        return number
                    }
                    #expect(result == number)
                }
            }
            try await group.waitForAll()
        }
        let runs = try await ledger.read { try Int.fetchAll($0, sql: "SELECT number FROM runs ORDER BY number") }
        #expect(runs == Array(0..<25))
    }

    @Test("Commits of the pool are flushed")
    func durable() async throws {
        let pool = try DatabasePool.durable(path: folder.path("keys.db"))
        // 2: FULL.
        #expect(try await pool.write { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == 2)
    }

    @Test("Without its table the store says what to do")
    func notMigrated() async throws {
        let store = SQLIdempotencyStore(GRDBClient(database: try DatabaseQueue()))
        let key = try IdempotencyKey(operation: "run", value: "k-1")
        let error = await #expect(throws: IdempotencyError.self) { try await store.load(key) }
        #expect(error?.message.contains("call migrate()") == true)
        #expect((error?.cause as? SQLError)?.code == "1")
    }
}

/// A folder that is gone when nobody uses it any more.
private final class TemporaryFolder: Sendable {
    private let root = FileManager.default.temporaryDirectory.appending(path: "grdb-store-\(UUID().uuidString)")

    init() {
        try? FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: root)
    }

    func path(_ name: String) -> String { root.appending(path: name).path }
}
