#if SQLite
import CSQLite
import Foundation
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Synchronization
import TestSupport
import Testing

/// Commits that fail as on a broken disk: undone, and the connection is opened again.
@Suite("Commits that fail, and a file that cannot be opened for a while", .serialized, .timeLimit(.minutes(10)))
struct SQLiteLostCommitTests {
    private static let name = "lost-commit.db"
    /// Whether the next commit to a file of that name fails.
    private static let fails = Atomic(false)

    private let folder = TemporaryFolder()
    private let key = Ledger.key("one")

    private func open() async throws -> (SQLiteIdempotencyStore, Ledger) {
        typealias Entry = @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?, UnsafeRawPointer?) -> Int32
        let entry: Entry = { connection, _, _ in
            guard let name = sqlite3_db_filename(connection, "main"), String(cString: name).hasSuffix("/lost-commit.db")
            else { return SQLITE_OK }
            let hook: @convention(c) (UnsafeMutableRawPointer?) -> Int32 = { _ in
                SQLiteLostCommitTests.fails.exchange(false, ordering: .sequentiallyConsistent) ? 1 : 0
            }
            sqlite3_commit_hook(connection, hook, nil)
            return SQLITE_OK
        }
        sqlite3_auto_extension(unsafeBitCast(entry, to: (@convention(c) () -> Void).self))
        let store = try await SQLiteIdempotencyStore(path: folder.path(Self.name))
        return (store, try await Ledger(store))
    }

    /// Something else is where the file was.
    private func hide() throws {
        try FileManager.default.moveItem(atPath: folder.path(Self.name), toPath: folder.path("hidden"))
        try FileManager.default.createDirectory(atPath: folder.path(Self.name), withIntermediateDirectories: false)
    }

    private func show() throws {
        try FileManager.default.removeItem(atPath: folder.path(Self.name))
        try FileManager.default.moveItem(atPath: folder.path("hidden"), toPath: folder.path(Self.name))
    }

    @Test("A commit that failed is undone, and the next call runs", arguments: [false, true])
    func undone(onThread: Bool) async throws {
        let (store, effects) = try await open()
        await #expect(throws: (any Error).self) { try await enter(store, onThread) { Self.arm() } }
        #expect(try await effects.count(key) == 0)
        try await enter(store, onThread) {}
        #expect(try await effects.count(key) == 1)
    }

    @Test(
        "A file that could not be opened again after a commit that failed is opened when it can be",
        arguments: [false, true]
    )
    func reopened(onThread: Bool) async throws {
        let (store, effects) = try await open()
        await #expect(throws: (any Error).self) {
            try await enter(store, onThread) {
                Self.arm()
                try hide()
            }
        }
        try show()
        let other = Ledger.key("other")
        try await SQLiteTransactionalInterceptor(store: store).idempotent(key: other) { transaction, _ in
            try transaction.enter(other)
        }
        #expect(try await effects.count(other) == 1)
        #expect(try await effects.count(key) == 0)
    }

    @Test("A final failure that was decided on another handler's effects goes with them, and is decided again")
    func failureOfASharedBatch() async throws {
        let (store, effects) = try await open()
        try await effects.write("CREATE TABLE account (balance INTEGER)")
        try await effects.write("INSERT INTO account VALUES (100)")
        let interceptor = SQLiteTransactionalInterceptor(store: store)
        @Sendable func take(_ name: String, failsCommit: Bool) -> Task<Void, any Error> {
            Task {
                try await interceptor.idempotent(key: Ledger.key(name), failures: Declined.self) { transaction, _ in
                    let balance: Int = try transaction.query("SELECT balance FROM account")[0].decode("balance")
                    guard balance >= 100 else {
                        // Both are in one transaction, which is not committed.
                        if failsCommit { Self.arm() }
                        throw Declined(reason: "nothing left")
                    }
                    try transaction.execute("UPDATE account SET balance = balance - 100")
                }
            }
        }
        // Both claims are made before either handler has its turn, and both handlers have it together.
        let (end, blocking) = await store.block()
        let calls = ["A", "B"].map { take($0, failsCommit: true) }
        #expect(try await becomes { store.waitingCalls == 2 })
        let next = Task { await store.block() }
        #expect(try await becomes { store.waitingItems == 1 })
        end.signal()
        try await blocking.value
        let (nextEnd, nextBlocking) = await next.value
        #expect(try await becomes { store.waitingCalls == 2 })
        nextEnd.signal()
        try await nextBlocking.value
        var errors = 0
        for call in calls {
            do { try await call.value } catch { errors += error is Declined ? 0 : 1 }
        }
        #expect(errors == 2)
        #expect(try await effects.write("SELECT balance FROM account")[0].decode("balance") == 100)
        try await take("B", failsCommit: false).value
        #expect(try await effects.write("SELECT balance FROM account")[0].decode("balance") == 0)
    }

    private static func arm() { fails.store(true, ordering: .sequentiallyConsistent) }

    private func enter(
        _ store: SQLiteIdempotencyStore,
        _ onThread: Bool,
        _ before: @escaping @Sendable () throws -> Void
    ) async throws {
        let key = key
        if onThread {
            try await SQLiteTransactionalInterceptor(store: store).idempotent(key: key) { transaction, _ in
                try transaction.enter(key)
                try before()
            }
        } else {
            try await TransactionalInterceptor(store: store).idempotent(key: key) { transaction, _ in
                try await transaction.enter(key)
                try before()
            }
        }
    }
}
#endif
