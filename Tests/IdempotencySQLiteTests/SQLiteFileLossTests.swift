#if SQLite
import Foundation
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import TestSupport
import Testing

@Suite("A SQLite file that is lost while it is open", .timeLimit(.minutes(10)))
struct SQLiteFileLossTests {
    enum Loss: CaseIterable {
        case deleted
        case renamed
        case replaced
        case logDeleted
    }

    /// How a call writes.
    enum Form: CaseIterable {
        case plain
        case transactional
        case onThread
    }

    private let folder = TemporaryFolder()
    private var path: String { folder.path("keys.db") }
    private let files = FileManager.default

    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    /// Takes a database away with its files.
    private func move(_ from: String, _ to: String) throws {
        for end in ["", "-wal", "-shm"] where files.fileExists(atPath: from + end) {
            try files.moveItem(atPath: from + end, toPath: to + end)
        }
    }

    /// Puts a database where the store looks for it: the file last, since the store may open it at once.
    private func putBack(_ name: String) throws {
        for end in ["-wal", ""] where files.fileExists(atPath: folder.path(name) + end) {
            #expect(rename(folder.path(name) + end, path + end) == 0)
        }
    }

    private func lose(_ loss: Loss) async throws {
        switch loss {
        case .deleted: try files.removeItem(atPath: path)
        case .renamed: try move(path, folder.path("moved.db"))
        case .replaced:
            let other = try await SQLiteIdempotencyStore(path: folder.path("other.db"))
            await other.close()
            try move(path, folder.path("moved.db"))
            try move(folder.path("other.db"), path)
        case .logDeleted: try files.removeItem(atPath: path + "-wal")
        }
    }

    /// Returns whether the handler's result was acknowledged.
    private func run(_ store: SQLiteIdempotencyStore, _ name: String, _ form: Form) async throws {
        let (key, policy) = (try key(name), try OperationPolicy(lease: .milliseconds(200), lapse: .refuse))
        switch form {
        case .plain: try await IdempotencyInterceptor(store: store, policy: policy).idempotent(key: key) { _ in }
        case .transactional:
            try await TransactionalInterceptor(store: store, policy: policy).idempotent(key: key) { transaction, _ in
                _ = try await transaction.query("SELECT 1")
            }
        case .onThread:
            try await SQLiteTransactionalInterceptor(store: store, policy: policy).idempotent(key: key) { _, _ in }
        }
    }

    @Test(
        "Nothing is claimed any more, the error says why, and no result is read",
        arguments: Loss.allCases,
        Form.allCases
    )
    func claimsAreRefused(_ loss: Loss, _ form: Form) async throws {
        let store = try await SQLiteIdempotencyStore(path: path)
        try await run(store, "before", form)
        try await lose(loss)
        for _ in 1...2 {
            do {
                try await run(store, "after", form)
                // What the log held is saved from it.
                let fresh = try await SQLiteIdempotencyStore(path: path)
                #expect(loss == .logDeleted)
                #expect(try await fresh.load(key("before"))?.state == .done)
                #expect(try await fresh.load(key("after"))?.state == .done)
            } catch let error as IdempotencyError {
                let message =
                    loss == .logDeleted ? "write-ahead log (-wal) was removed" : "was removed, renamed or replaced"
                #expect(error.code == .storeUnavailable && error.message.contains(message), "\(error)")
            }
        }
    }

    @Test(
        "A result is not acknowledged into a file that was lost while the handler ran",
        arguments: Loss.allCases,
        Form.allCases
    )
    func finishesAreRefused(_ loss: Loss, _ form: Form) async throws {
        let store = try await SQLiteIdempotencyStore(path: path)
        let key = try key("running")
        // A commit to a lost write-ahead log may be saved from it; then it is acknowledged, and is there.
        do {
            let policy = try OperationPolicy(lease: .milliseconds(200), lapse: .refuse)
            switch form {
            case .plain:
                try await IdempotencyInterceptor(store: store, policy: policy).idempotent(key: key) { _ in
                    try await lose(loss)
                }
            case .transactional:
                try await TransactionalInterceptor(store: store, policy: policy).idempotent(key: key) {
                    transaction,
                    _ in
                    try await transaction.execute("SELECT 1")
                    try await lose(loss)
                }
            case .onThread:
                let lost = DispatchSemaphore(value: 0)
                try await SQLiteTransactionalInterceptor(store: store, policy: policy).idempotent(key: key) { _, _ in
                    Task {
                        try await lose(loss)
                        lost.signal()
                    }
                    lost.wait()
                }
            }
            let fresh = try await SQLiteIdempotencyStore(path: path)
            #expect(try await fresh.load(key)?.state == .done, "acknowledged, and not there")
        } catch {}
    }

    @Test(
        "With its files put back the store goes on without a restart, and knows what it acknowledged",
        arguments: [Loss.renamed, .replaced]
    )
    func putBack(_ loss: Loss) async throws {
        let store = try await SQLiteIdempotencyStore(path: path)
        let before = try await store.versionOf(key("before"), claimedBy: sampleClaim())
        try await lose(loss)
        await #expect(throws: (any Error).self) { try await run(store, "after", .plain) }
        await #expect(throws: (any Error).self) { try await run(store, "after", .plain) }
        if loss == .replaced { try move(path, folder.path("wrong.db")) }
        try putBack("moved.db")
        #expect(try await store.load(key("before"))?.version == before)
        let after = try await store.versionOf(key("after"), claimedBy: sampleClaim())
        #expect(after > before)
        #expect(try await integrity() == "ok")
    }

    @Test("What was acknowledged before the write-ahead log was deleted is saved from it")
    func logIsSaved() async throws {
        let store = try await SQLiteIdempotencyStore(path: path)
        for number in 0..<200 { try await run(store, "k-\(number)", .plain) }
        try await lose(.logDeleted)
        try? await run(store, "after", .plain)
        for number in 0..<200 { #expect(try await store.load(key("k-\(number)"))?.state == .done) }
        try await run(store, "later", .plain)
        await store.close()
        #expect(try await integrity() == "ok")
        let again = try await SQLiteIdempotencyStore(path: path)
        for name in ["k-0", "k-199", "later"] { #expect(try await again.load(key(name))?.state == .done) }
    }

    @Test("Whoever reads while a lost write-ahead log is given up gets what it held, or is told why not")
    func readWhileLogIsGivenUp() async throws {
        for _ in 1...60 {
            let folder = TemporaryFolder()
            let store = try await SQLiteIdempotencyStore(path: folder.path("keys.db"))
            try await run(store, "before", .transactional)
            try files.removeItem(atPath: folder.path("keys.db-wal"))
            async let other: Void = run(store, "after", .transactional)
            for _ in 1...10 {
                do {
                    #expect(try await store.load(key("before"))?.state == .done)
                } catch let error as IdempotencyError {
                    #expect(error.message.contains("write-ahead log (-wal) was removed"), "\(error)")
                }
            }
            try? await other
            await store.close()
        }
    }

    @Test("A copy of the file is gone on with if it has all that was acknowledged, and is refused if it is older")
    func copy() async throws {
        let store = try await SQLiteIdempotencyStore(path: path)
        func copy(to name: String) throws {
            for end in ["", "-wal"] { try files.copyItem(atPath: path + end, toPath: folder.path(name) + end) }
        }
        try await run(store, "first", .plain)
        try copy(to: "older.db")
        try await run(store, "second", .plain)
        try copy(to: "newer.db")
        try await lose(.renamed)
        try putBack("older.db")
        for _ in 1...2 {
            await #expect {
                try await run(store, "second", .plain)
            } throws: { error in
                "\(error)".contains("a copy that lacks what was acknowledged last")
            }
        }
        try move(path, folder.path("away.db"))
        try putBack("newer.db")
        let outcome = try await IdempotencyInterceptor(store: store).outcome(key: key("second")) { _ in }
        guard case .replayed = outcome else {
            Issue.record("ran again")
            return
        }
        try await run(store, "third", .plain)
    }

    @Test("A file that was deleted is not made anew: keys would run again")
    func notMadeAnew() async throws {
        let store = try await SQLiteIdempotencyStore(path: path)
        try await run(store, "before", .plain)
        try await lose(.deleted)
        for _ in 1...3 { await #expect(throws: (any Error).self) { try await run(store, "before", .plain) } }
        await #expect(throws: (any Error).self) { try await store.check() }
        #expect(!files.fileExists(atPath: path))
    }

    @Test("A long reader lets the write-ahead log grow, and it is cut when the reader has gone")
    func longReader() async throws {
        let store = try await SQLiteIdempotencyStore(path: path, durability: .processCrash)
        try await run(store, "first", .plain)
        let reader = try BareReader(path)
        let bytes = [UInt8](repeating: 7, count: 200_000)
        let interceptor = IdempotencyInterceptor(store: store)
        for number in 0..<120 { _ = try await interceptor.idempotent(key: key("k-\(number)")) { _ in bytes } }
        func size() throws -> Int { try files.attributesOfItem(atPath: path + "-wal")[.size] as? Int ?? 0 }
        #expect(try size() > 20 << 20)
        reader.end()
        for number in 0..<20 { _ = try await interceptor.idempotent(key: key("l-\(number)")) { _ in bytes } }
        #expect(try size() < 12 << 20)
    }

    private func integrity() async throws -> String { try BareReader(path).text("PRAGMA integrity_check") }
}

extension SQLiteIdempotencyStore {
    /// Claims a key. Returns the version.
    fileprivate func versionOf(_ key: IdempotencyKey, claimedBy record: IdempotencyRecord) async throws -> RecordVersion
    {
        guard case .stored(let version) = try await checkAndSet(key, expecting: nil, .write(record)) else {
            throw Mishap()
        }
        return version
    }
}
#endif
