#if SQLite
import Dispatch
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import TestSupport
import Testing

@Suite("Nobody's call to a SQLite store waits behind other keys' handlers", .timeLimit(.minutes(10)))
struct SQLiteFairnessTests {
    private let folder = TemporaryFolder()

    private func open() async throws -> SQLiteIdempotencyStore {
        try await SQLiteIdempotencyStore(path: folder.path("keys.db"))
    }

    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    /// Claims a key. Returns the version.
    private func claim(_ store: SQLiteIdempotencyStore, _ name: String) async throws -> RecordVersion {
        let result = try await store.checkAndSet(key(name), expecting: nil, .write(sampleClaim()))
        guard case .stored(let version) = result else { throw Mishap() }
        return version
    }

    @Test("A renewal, a claim and an operator's listing pass fifty transactions that wait for their turn")
    func renewalPassesSessions() async throws {
        let store = try await open()
        let record = try await sampleClaim()
        let version = try await claim(store, "running")
        var claimed: [RecordVersion] = []
        for number in 0..<50 { claimed.append(try await claim(store, "k-\(number)")) }
        // The first is open, and the others stand behind it.
        let first = try await store.beginTransaction(for: .seconds(60))
        let started = Counter()
        let finished = try (0..<50).map { [claimed] number in
            let key = try key("k-\(number)")
            return Task {
                started.add()
                let session = try await store.beginTransaction(for: .seconds(60))
                return try await session.finish(key, writing: record, over: claimed[number])
            }
        }
        await started.wait(for: 50)
        let renewal = Task { try await store.checkAndSet(key("running"), expecting: version, .write(record)) }
        let fresh = Task { try await store.checkAndSet(key("fresh"), expecting: nil, .write(record)) }
        #expect(try await becomes { store.waitingCalls == 2 })
        await first.rollback()
        guard case .stored(let renewed) = try await renewal.value, case .stored(let new) = try await fresh.value else {
            throw Mishap()
        }
        for task in finished {
            guard case .stored(let later) = try await task.value else { throw Mishap() }
            #expect(later > renewed && later > new)
        }
    }

    @Test("Whoever only looks does not wait for the transaction that is open: loads, claims of taken keys, listings")
    func readsPassTheOpenSession() async throws {
        let store = try await open()
        let record = try await sampleClaim()
        let version = try await claim(store, "running")
        let session = try await store.beginTransaction(for: .seconds(60))
        #expect(try await store.load(key("running"))?.version == version)
        guard case .conflict(let found) = try await store.checkAndSet(key("running"), expecting: nil, .write(record))
        else {
            throw Mishap()
        }
        #expect(found?.version == version)
        #expect(try await store.list(RecordQuery(), after: nil, limit: 10).records.count == 1)
        // It is still open.
        _ = try await session.run("SELECT 1")
        await session.rollback()
    }

    @Test("A transaction that would wait for too long is refused, and told so")
    func lateSessionIsRefused() async throws {
        let store = try await open()
        let first = try await store.beginTransaction(for: .seconds(60))
        let waiting = Task { try await store.beginTransaction(for: .milliseconds(20)) }
        let patient = Task { try await store.beginTransaction(for: .seconds(60)) }
        // The first one's own time is over after a second at most.
        await expectError(.storeUnavailable) { try await waiting.value }
        try await patient.value.rollback()
        await first.rollback()
    }

    @Test("A handler that has gone leaves the line")
    func cancelledSession() async throws {
        let store = try await open()
        let first = try await store.beginTransaction(for: .seconds(60))
        let waiting = Task { try await store.beginTransaction(for: .seconds(60)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        await first.rollback()
        _ = try await claim(store, "next")
    }

    @Test("A renewal passes handlers that wait for the store's own thread")
    func renewalPassesHandlers() async throws {
        let store = try await open()
        let interceptor = SQLiteTransactionalInterceptor(store: store)
        let record = try await sampleClaim()
        let version = try await claim(store, "running")
        let begun = Counter()
        // All claims are made, and all handlers wait, before the first one has its turn.
        let (end, blocking) = await store.block()
        let tasks = (0..<200).map { number in
            Task {
                try await interceptor.idempotent(key: key("k-\(number)")) { _, _ in
                    begun.add()
                    // All in all many times as long as handlers have in one transaction.
                    let end = DispatchTime.now() + .milliseconds(2)
                    while DispatchTime.now() < end {}
                }
            }
        }
        #expect(try await becomes { store.waitingCalls == 200 })
        let next = Task { await store.block() }
        #expect(try await becomes { store.waitingItems == 1 })
        end.signal()
        try await blocking.value
        let (nextEnd, nextBlocking) = await next.value
        #expect(try await becomes { store.waitingCalls == 200 })
        nextEnd.signal()
        try await nextBlocking.value
        await begun.wait(for: 1)
        guard
            case .stored = try await store.checkAndSet(key("running"), expecting: version, .write(record))
        else { throw Mishap() }
        #expect(begun.value < 200, "the renewal waited for all of them")
        for task in tasks { try await task.value }
    }

    @Test("A handler that keeps the store's thread for too long is undone, and told so")
    func slowHandler() async throws {
        let store = try await open()
        let effects = try await Ledger(store)
        let key = try key("slow")
        await expectError(.storeUnavailable) {
            try await SQLiteTransactionalInterceptor(store: store).idempotent(key: key) { transaction, _ in
                try transaction.enter(key)
                let end = DispatchTime.now() + .milliseconds(1100)
                while DispatchTime.now() < end {}
            }
        }
        #expect(try await effects.count(key) == 0)
    }

    @Test("Operators' work goes in pieces between the calls, and does all that was asked for")
    func piecewise() async throws {
        let store = try await open()
        let interceptor = IdempotencyInterceptor(
            store: store,
            policy: try OperationPolicy(
                lease: .milliseconds(1),
                maximumRunTime: .seconds(60),
                retention: .milliseconds(1003),
                waitLimit: .zero,
                pollInterval: .seconds(1)
            )
        )
        for number in 0..<600 { try? await interceptor.idempotent(key: key("k-\(number)")) { _ in } }
        var listed = 0
        var cursor: RecordCursor?
        repeat {
            let page = try await store.list(RecordQuery(), after: cursor, limit: 700)
            listed += page.records.count
            cursor = page.next
        } while cursor != nil
        #expect(listed <= 600)
        #expect(try await becomes { try await store.list(RecordQuery(), after: nil, limit: 1).records.isEmpty })
        #expect(try await store.purge(limit: 590) == 590)
        #expect(try await store.purge(limit: 590) == 10)
    }
}
#endif
