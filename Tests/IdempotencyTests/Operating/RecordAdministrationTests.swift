import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@Suite("What operators do to records", .timeLimit(.minutes(10)))
struct RecordAdministrationTests {
    private let clock = ManualClock()
    private let store: InMemoryIdempotencyStore
    private let administration: RecordAdministration
    private let interceptor: IdempotencyInterceptor

    init() throws {
        store = InMemoryIdempotencyStore(clock: clock)
        administration = RecordAdministration(store: store)
        interceptor = IdempotencyInterceptor(
            store: store,
            policy: try OperationPolicy(lease: .seconds(30), retention: .seconds(1000), lapse: .refuse),
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: globalConcurrentExecutor,
                random: SeededGenerator(seed: 1)
            )
        )
    }

    private func key(_ value: String, tenant: String = "t", principal: String? = nil) throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope("charge", tenant: tenant, principal: principal), value: value)
    }

    private func all(_ query: RecordQuery, limit: Int) async throws -> [ListedRecord] {
        var records: [ListedRecord] = []
        var cursor: RecordCursor?
        repeat {
            let page = try await administration.list(query, after: cursor, limit: limit)
            records += page.records
            cursor = page.next
        } while cursor != nil
        return records
    }

    @Test("Every record is listed once, page by page, whatever a page holds", arguments: [1, 7, 100, 5000])
    func pages(_ limit: Int) async throws {
        for number in 0..<600 { _ = try await interceptor.idempotent(key: key("k-\(number)")) { _ in number } }
        let listed = try await all(RecordQuery(), limit: limit)
        #expect(listed.count == 600)
        #expect(Set(listed.map(\.key)).count == 600)
    }

    @Test("By state: what is in progress, lapsed, done, to be tried again, failed for good")
    func states() async throws {
        let finish = Gate()
        _ = try await interceptor.idempotent(key: key("done")) { _ in 1 }
        _ = try? await interceptor.idempotent(key: key("lapsed")) { _ -> Int in throw Boom() }
        _ = try? await interceptor.idempotent(key: key("retryable")) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        _ = try await interceptor.revoke(key: key("failed"))
        let isInside = Gate()
        let running = interceptor.start(try key("inProgress")) { _ in
            isInside.open()
            await finish.pass()
            return "A"
        }
        await isInside.pass()
        for state in RecordState.allCases {
            let listed = try await all(RecordQuery(states: [state]), limit: 10)
            #expect(listed.map(\.key.value) == [state.rawValue])
            #expect(listed.map(\.state) == [state])
        }
        finish.open()
        _ = try await running.value
    }

    @Test("By age, since the last write and by the store's clock")
    func age() async throws {
        _ = try await interceptor.idempotent(key: key("old")) { _ in 1 }
        clock.advance(by: .seconds(100))
        _ = try await interceptor.idempotent(key: key("young")) { _ in 1 }
        clock.advance(by: .seconds(20))
        let old = try await all(RecordQuery(minimumAge: .seconds(120)), limit: 10)
        #expect(old.map(\.key.value) == ["old"])
        #expect(old.map(\.age) == [.seconds(120)])
        #expect(try await all(RecordQuery(minimumAge: .seconds(20)), limit: 10).count == 2)
        #expect(try await all(RecordQuery(minimumAge: .seconds(121)), limit: 10).isEmpty)
    }

    @Test("By operation, tenant and principal, byte by byte")
    func scope() async throws {
        _ = try await interceptor.idempotent(key: key("1", tenant: "é")) { _ in 1 }
        _ = try await interceptor.idempotent(key: key("2", tenant: "e\u{301}")) { _ in 1 }
        _ = try await interceptor.idempotent(key: key("3", tenant: "é", principal: "p")) { _ in 1 }
        #expect(Set(try await all(RecordQuery(tenant: "é"), limit: 10).map(\.key.value)) == ["1", "3"])
        #expect(try await all(RecordQuery(principal: "p"), limit: 10).map(\.key.value) == ["3"])
        #expect(try await all(RecordQuery(operation: "refund"), limit: 10).isEmpty)
        #expect(try await all(RecordQuery(operation: "charge"), limit: 10).count == 3)
    }

    @Test(
        "A cursor of another store, or rubbish, is refused with a clear error",
        arguments: ["", "x", "64.0", "-1.0", "0.0.0"]
    )
    func rubbish(_ text: String) async throws {
        let code = await refusal { _ = try await administration.list(after: RecordCursor(rawValue: text)) }
        #expect(code == .invalidCursor)
    }

    @Test("A removal takes the version that was looked at and no other")
    func remove() async throws {
        _ = try await interceptor.idempotent(key: key("k")) { _ in 1 }
        let version = try #require(try await store.load(key("k"))).version
        let older = RecordVersion(rawValue: version.rawValue - 1)
        #expect(try await !administration.remove(key("k"), version: older))
        #expect(try await administration.remove(key("k"), version: version))
        #expect(try await !administration.remove(key("k"), version: version))
        #expect(try await interceptor.outcome(key: key("k")) { _ in 2 }.isRun(2))
    }

    @Test("An erasure takes all of a tenant's records but those that are being run, and nobody else's")
    func erase() async throws {
        for number in 0..<50 {
            _ = try await interceptor.idempotent(key: key("\(number)", tenant: "gone")) { _ in 1 }
            _ = try await interceptor.idempotent(key: key("\(number)", tenant: "stays")) { _ in 1 }
        }
        let finish = Gate()
        let isInside = Gate()
        let running = interceptor.start(try key("running", tenant: "gone")) { _ in
            isInside.open()
            await finish.pass()
            return "A"
        }
        await isInside.pass()
        #expect(await refusal { _ = try await administration.erase(RecordQuery(states: [.done])) } == .invalidQuery)
        let erasure = try await administration.erase(RecordQuery(tenant: "gone"))
        #expect(erasure.removed == 50 && erasure.left == 1)
        #expect(try await all(RecordQuery(tenant: "gone"), limit: 10).map(\.state) == [.inProgress])
        #expect(try await all(RecordQuery(tenant: "stays"), limit: 10).count == 50)
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("A purge takes what is expired, in portions and up to a limit, and never a pending record")
    func purge() async throws {
        for number in 0..<300 { _ = try await interceptor.idempotent(key: key("k-\(number)")) { _ in 1 } }
        _ = try? await interceptor.idempotent(key: key("unknown")) { _ -> Int in throw Boom() }
        #expect(try await administration.purge() == 0)
        clock.advance(by: .seconds(1000))
        #expect(try await administration.purge(limit: 100, portion: 7) == 100)
        #expect(store.count == 201)
        #expect(try await administration.purge(portion: 50) == 200)
        #expect(try await all(RecordQuery(), limit: 10).map(\.state) == [.lapsed])
        let report = try await administration.check()
        #expect(report.role == .embedded && report.version == nil && !report.warnings.isEmpty)
        let other = StoreReport(
            product: "Files",
            version: "2",
            address: "here",
            role: .primary,
            settings: [StoreReport.Setting("flush", "yes")],
            warnings: ["Mind the gap."]
        )
        #expect(other.value(of: "flush") == "yes" && other.value(of: "other") == nil)
        #expect("\(other)" == "Files 2 at here (primary): flush=yes. Mind the gap.")
    }
}
