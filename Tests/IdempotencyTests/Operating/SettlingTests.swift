import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

@Suite("Settling a key by hand", .timeLimit(.minutes(10)))
struct SettlingTests {
    enum Declined: FinalFailure, Equatable {
        static let failureName = "declined"
        case byBank(String)
    }

    private let clock = ManualClock()
    private let memory: InMemoryIdempotencyStore
    private let log = EventLog()
    private let settlement: Settlement

    init() throws {
        memory = InMemoryIdempotencyStore(clock: clock)
        settlement = try Settlement(id: "incident-1", settledBy: "alice")
    }

    private func interceptor(_ lapse: OperationPolicy.LapseHandling = .refuse) throws -> IdempotencyInterceptor {
        IdempotencyInterceptor(
            store: memory,
            policy: try OperationPolicy(lease: .seconds(30), retention: .seconds(1000), lapse: lapse),
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: globalConcurrentExecutor,
                random: SeededGenerator(seed: 1)
            )
        )
    }

    private func administration(_ store: (any ListableIdempotencyStore)? = nil) -> RecordAdministration {
        RecordAdministration(store: store ?? memory, observer: log)
    }

    /// A key whose run threw, so that nobody knows. Returns its version.
    private func leaveUnknown(_ interceptor: IdempotencyInterceptor) async throws -> RecordVersion {
        _ = try? await interceptor.idempotent(key: key()) { _ -> String in throw Boom() }
        let listed = try await administration().list(RecordQuery(states: [.lapsed, .retryable]))
        return try #require(listed.records.first).stored.version
    }

    @Test("Done with a value: duplicates get it, of the operation's type, and nothing runs")
    func done() async throws {
        let interceptor = try interceptor()
        let version = try await leaveUnknown(interceptor)
        #expect(await refusal { _ = try await interceptor.idempotent(key: key()) { _ in "no" } } == .outcomeUnknown)
        let result = try await administration().settle(key(), version: version, as: .done("A"), settlement: settlement)
        #expect(result.word == "settled")
        #expect(try #require(try await administration().record(of: key())).version > version)
        #expect(try await interceptor.outcome(key: key()) { _ in "no" }.isReplay("A"))
        let record = try #require(try await memory.load(key())).record
        #expect(record.settlement == settlement)
        #expect(record.settlement?.settledBy == "alice")
        #expect(log.events.map(\.kind) == [.settled])
        #expect(log.events.first?.state == .done)
    }

    @Test("Done without a result, for an operation that returns nothing")
    func doneWithoutResult() async throws {
        let interceptor = try interceptor()
        let version = try await leaveUnknown(interceptor)
        _ = try await administration().settle(key(), version: version, as: .doneWithoutResult, settlement: settlement)
        let runs = Counter()
        try await interceptor.idempotent(key: key()) { _ in _ = runs.add() }
        #expect(runs.value == 0)
    }

    @Test("Failed for good: duplicates are thrown the failure, in its type")
    func failed() async throws {
        let interceptor = try interceptor()
        let version = try await leaveUnknown(interceptor)
        let failure = Declined.byBank("no money")
        _ = try await administration().settle(key(), version: version, as: .failed(failure), settlement: settlement)
        await #expect(throws: failure) {
            try await interceptor.idempotent(key: key(), failures: Declined.self) { _ in "no" }
        }
        #expect(log.events.first?.state == .failed)
    }

    @Test("Free to run again: the next call runs once more, under a greater token, also after used-up attempts")
    func runAgain() async throws {
        let interceptor = try interceptor(.rerun).applying(
            OperationPolicy(lease: .seconds(30), lapse: .rerun, maximumAttempts: 1)
        )
        let tokens = Shared<[FencingToken]>([])
        _ = try? await interceptor.idempotent(key: key()) { execution -> String in
            tokens.update { $0.append(execution.token!) }
            throw Boom()
        }
        #expect(await refusal { _ = try await interceptor.idempotent(key: key()) { _ in "no" } } == .attemptsExhausted)
        let lapsed = try await administration().list(RecordQuery(states: [.lapsed])).records
        let version = try #require(lapsed.first).stored.version
        _ = try await administration().settle(key(), version: version, as: .runAgain, settlement: settlement)
        #expect(
            try await interceptor.outcome(key: key()) { execution in
                tokens.update { $0.append(execution.token!) }
                return "B"
            }.isRun("B")
        )
        let seen = tokens.value
        #expect(seen.count == 2 && seen[0] < seen[1])
        // Who settled it is still to be seen.
        #expect(try await memory.load(key())?.record.settlement == settlement)
    }

    @Test("Under .rerun a key that lapsed can be settled before anybody runs it again")
    func rerun() async throws {
        let interceptor = try interceptor(.rerun)
        let version = try await leaveUnknown(interceptor)
        _ = try await administration().settle(key(), version: version, as: .done("A"), settlement: settlement)
        #expect(try await interceptor.outcome(key: key()) { _ in "no" }.isReplay("A"))
    }

    @Test("To repeat it is safe: it is made once, also when the key has been run again since")
    func repeated() async throws {
        let interceptor = try interceptor()
        let version = try await leaveUnknown(interceptor)
        let administration = administration()
        _ = try await administration.settle(key(), version: version, as: .runAgain, settlement: settlement)
        for _ in 0..<2 {
            let again = try await administration.settle(key(), version: version, as: .runAgain, settlement: settlement)
            #expect(again.word == "already settled")
        }
        #expect(try await interceptor.outcome(key: key()) { _ in "B" }.isRun("B"))
        let late = try await administration.settle(key(), version: version, as: .runAgain, settlement: settlement)
        #expect(late.word == "already settled")
        #expect(try await interceptor.outcome(key: key()) { _ in "no" }.isReplay("B"))
        #expect(log.count(.settled) == 1)
    }

    @Test("A settlement that is only seen is not taken for durable: a repetition writes upon it")
    func repeatedIsDurable() async throws {
        let version = try await leaveUnknown(interceptor())
        _ = try await administration().settle(key(), version: version, as: .done("A"), settlement: settlement)
        let faulty = FaultInjectingStore(memory, clock: clock, lateness: .zero, executor: globalConcurrentExecutor)
        for number in 1...3 { faulty.inject(.failBefore, at: number, of: .checkAndSet) }
        let administration = RecordAdministration(store: Listing(faulty, memory))
        #expect(
            await refusal {
                _ = try await administration.settle(key(), version: version, as: .done("A"), settlement: settlement)
            } == .storeUnavailable
        )
        // Whoever looks again before repeating it is told the same.
        let seen = try #require(try await administration.record(of: key())).version
        let again = try await administration.settle(key(), version: seen, as: .done("A"), settlement: settlement)
        #expect(again.word == "already settled")
    }

    @Test("Free to run again means that it runs, whatever the cap on attempts is", arguments: [false, true])
    func runAgainUnderACap(_ isStrict: Bool) async throws {
        let policy = try OperationPolicy(lease: .seconds(30), lapse: isStrict ? .refuse : .rerun, maximumAttempts: 1)
        let interceptor = try interceptor().applying(policy)
        let version = try await leaveUnknown(interceptor)
        _ = try await administration().settle(key(), version: version, as: .runAgain, settlement: settlement)
        let attempt = try await interceptor.idempotent(key: key()) { "\($0.attempt), a re-run: \($0.isRerun)" }
        #expect(attempt == "1, a re-run: true")
    }

    @Test("One id settles one incident: after the next one it is refused, and nothing runs a third time")
    func oneIncident() async throws {
        let interceptor = try interceptor()
        for isFirst in [true, false] {
            let version = try await leaveUnknown(interceptor)
            let administration = administration()
            let code = await refusal {
                _ = try await administration.settle(key(), version: version, as: .runAgain, settlement: settlement)
            }
            #expect(code == (isFirst ? nil : .invalidSettlement))
        }
        #expect(log.count(.settled) == 1)
        #expect(await refusal { _ = try await interceptor.idempotent(key: key()) { _ in "third" } } == .outcomeUnknown)
    }

    @Test("A repetition that fails on its way is still a repetition, and reports nothing")
    func repeatedWithAFault() async throws {
        let version = try await leaveUnknown(interceptor())
        _ = try await administration().settle(key(), version: version, as: .done("A"), settlement: settlement)
        let faulty = FaultInjectingStore(memory, clock: clock, lateness: .zero, executor: globalConcurrentExecutor)
        faulty.inject(.failBefore, at: 1, of: .checkAndSet)
        let administration = RecordAdministration(store: Listing(faulty, memory), observer: log)
        let result = try await administration.settle(key(), version: version, as: .done("A"), settlement: settlement)
        #expect(result.word == "already settled")
        #expect(log.count(.settled) == 1)
    }

    @Test("To repeat a settlement does not keep its record for longer")
    func retentionStays() async throws {
        let version = try await leaveUnknown(interceptor())
        let policy = try OperationPolicy(retention: .seconds(1000))
        for _ in 1...9 {
            _ = try await administration().settle(
                key(),
                version: version,
                as: .done("A"),
                settlement: settlement,
                policy: policy
            )
            clock.advance(by: .seconds(100))
        }
        #expect(try await memory.load(key())?.remaining == .seconds(100))
    }

    @Test("A settlement that may have been made and is gone since is not called another's change")
    func goneSince() async throws {
        let version = try await leaveUnknown(interceptor())
        let faulty = FaultInjectingStore(memory, clock: clock, lateness: .zero, executor: globalConcurrentExecutor)
        faulty.inject(.loseReply, at: 1, of: .checkAndSet)
        let memory = memory
        let administration = RecordAdministration(
            store: Listing(faulty, memory),
            observer: EventLog { kind in
                // Between the lost reply and the look at what is there, all of it expires.
                if kind == .storeFailed { clock.advance(by: .seconds(90_000)) }
            }
        )
        #expect(
            await refusal {
                _ = try await administration.settle(key(), version: version, as: .done("A"), settlement: settlement)
            } == .storeUnavailable
        )
    }

    @Test("Another version than the store has is no sign of a broken store, and removes nothing")
    func removeAnotherVersion() async throws {
        _ = try await interceptor().idempotent(key: key()) { _ in "A" }
        let version = try #require(try await memory.load(key())).version
        for other in [version.rawValue + 5, version.rawValue - 1, .max, 1] {
            #expect(try await administration().remove(key(), version: RecordVersion(rawValue: other)) == false)
        }
        #expect(log.events.isEmpty)
    }

    @Test("What an operator reads of another key is an error and an event, by key and by page")
    func anotherRecord() async throws {
        _ = try await interceptor().idempotent(key: key("another")) { _ in "A" }
        let another = try #require(try await memory.load(key("another")))
        let administration = RecordAdministration(store: MixedUpListing(another), observer: log)
        #expect(await refusal { _ = try await administration.record(of: key()) } == .brokenStore)
        #expect(await refusal { _ = try await administration.list() } == .brokenStore)
        #expect(await refusal { _ = try await administration.erase(RecordQuery(tenant: "t")) } == .brokenStore)
        #expect(log.count(.storeBroken) == 3)
    }

    @Test("The id of one finding is refused for another, and for another person's")
    func idUsedBefore() async throws {
        let version = try await leaveUnknown(interceptor())
        let administration = administration()
        _ = try await administration.settle(key(), version: version, as: .runAgain, settlement: settlement)
        let bob = try Settlement(id: "incident-1", settledBy: "bob")
        #expect(
            await refusal {
                _ = try await administration.settle(key(), version: version, as: .done("A"), settlement: settlement)
            } == .invalidSettlement
        )
        #expect(
            await refusal {
                _ = try await administration.settle(key(), version: version, as: .runAgain, settlement: bob)
            } == .invalidSettlement
        )
        #expect(try await memory.load(key())?.state == .retryable)
    }

    @Test("Another version than the one looked at is left alone; so is what is gone")
    func changed() async throws {
        let interceptor = try interceptor()
        let version = try await leaveUnknown(interceptor)
        let other = try Settlement(id: "incident-2", settledBy: "bob")
        _ = try await administration().settle(key(), version: version, as: .done("A"), settlement: settlement)
        let late = try await administration().settle(key(), version: version, as: .runAgain, settlement: other)
        #expect(late.word == "changed to done")
        let found = try #require(try await memory.load(key()))
        #expect(try await administration().remove(key(), version: found.version))
        let gone = try await administration().settle(key(), version: version, as: .runAgain, settlement: other)
        #expect(gone.word == "changed to nothing")
    }

    @Test("What is being run, answered, or surely without effect is not to be settled")
    func notUnknown() async throws {
        let interceptor = try interceptor()
        let finish = Gate()
        let isInside = Gate()
        let running = interceptor.start(key("running")) { _ in
            isInside.open()
            await finish.pass()
            return "A"
        }
        await isInside.pass()
        _ = try await interceptor.idempotent(key: key("done")) { _ in "A" }
        _ = try await interceptor.revoke(key: key("failed"))
        _ = try? await interceptor.idempotent(key: key("harmless")) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        for name in ["running", "done", "failed", "harmless"] {
            let before = try #require(try await memory.load(key(name)))
            let result = try await administration().settle(
                key(name),
                version: before.version,
                as: .done("B"),
                settlement: settlement
            )
            #expect(result.word == "not unknown: \(before.state)")
            #expect(try await memory.load(key(name))?.version == before.version)
        }
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("A run that was given up and goes on can no longer finish, and its caller learns of it")
    func zombie() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(30), lapse: .refuse))
        let finish = Gate()
        node.store.loseRenewals()
        let task = await node.run(key(), until: finish, returning: "late")
        node.clock.advance(by: .seconds(31))
        let found = try #require(try await node.memory.load(key()))
        let administration = RecordAdministration(store: try #require(node.memory as? InMemoryIdempotencyStore))
        _ = try await administration.settle(key(), version: found.version, as: .done("A"), settlement: settlement)
        finish.open()
        let error = await #expect(throws: IdempotencyError.self) { try await task.value }
        #expect(error?.code == .leaseLost)
        #expect(try error?.result(as: String.self) == "late")
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "no" }.isReplay("A"))
    }

    @Test("Two people at once: one finding is kept, the other is told")
    func race() async throws {
        let administration = administration()
        for round in 0..<50 {
            let key = key("k-\(round)")
            _ = try? await interceptor().idempotent(key: key) { _ -> String in throw Boom() }
            let version = try #require(try await memory.load(key)).version
            async let first = administration.settle(
                key,
                version: version,
                as: .done("A"),
                settlement: Settlement(id: "first", settledBy: "alice")
            )
            async let second = administration.settle(
                key,
                version: version,
                as: .done("B"),
                settlement: Settlement(id: "second", settledBy: "bob")
            )
            let results = try await [first, second]
            #expect(results.map(\.word).sorted() == ["changed to done", "settled"])
        }
    }

    @Test(
        "A lost reply: the settlement is made, made once, and reported",
        arguments: StoreFault.allCases
    )
    func lostReply(_ fault: StoreFault) async throws {
        var settlements = 0
        for number in 1...3 {
            let key = key("k-\(number)")
            let interceptor = try interceptor()
            _ = try? await interceptor.idempotent(key: key) { _ -> String in throw Boom() }
            let version = try #require(try await memory.load(key)).version
            let faulty = FaultInjectingStore(
                memory,
                clock: clock,
                lateness: .zero,
                executor: globalConcurrentExecutor
            )
            faulty.inject(fault, at: number)
            let administration = RecordAdministration(store: Listing(faulty, memory), observer: log)
            let result = try await administration.settle(key, version: version, as: .done("A"), settlement: settlement)
            // A request that is repeated on its way is told what the first one did, like one of somebody else's.
            let isTold = fault == .applyTwice && number == 2
            if !isTold { settlements += 1 }
            #expect(result.word == (isTold ? "already settled" : "settled"))
            #expect(log.count(.settled) == settlements)
            #expect(try await interceptor.outcome(key: key) { _ in "no" }.isReplay("A"))
        }
    }

    @Test("A store that does not answer: an error that says to repeat it, and the repetition settles")
    func storeDown() async throws {
        let version = try await leaveUnknown(interceptor())
        let faulty = FaultInjectingStore(memory, clock: clock, lateness: .zero, executor: globalConcurrentExecutor)
        for number in 1...3 { faulty.inject(.failBefore, at: number) }
        let administration = RecordAdministration(store: Listing(faulty, memory), observer: log)
        let error = await #expect(throws: IdempotencyError.self) {
            try await administration.settle(key(), version: version, as: .done("A"), settlement: settlement)
        }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.message.contains("Repeat it with the same version and the same settlement") == true)
        #expect(log.count(.storeFailed) == 3)
        _ = try await administration.settle(key(), version: version, as: .done("A"), settlement: settlement)
        #expect(try await memory.load(key())?.state == .done)
    }

    @Test("A result that cannot be kept settles nothing, and the error says so")
    func notKept() async throws {
        let version = try await leaveUnknown(interceptor())
        let small = try OperationPolicy(maximumResultSize: 10)
        let long = String(repeating: "x", count: 20)
        #expect(
            await refusal {
                let administration = administration()
                _ = try await administration.settle(
                    key(),
                    version: version,
                    as: .done(long),
                    settlement: settlement,
                    policy: small
                )
            } == .invalidSettlement
        )
        #expect(try await memory.load(key())?.version == version)
    }
}

extension SettlementResult {
    fileprivate var word: String {
        switch self {
        case .settled: "settled"
        case .alreadySettled: "already settled"
        case .changed(let found): "changed to " + (found.map { "\($0.state)" } ?? "nothing")
        case .notUnknown(let found): "not unknown: \(found.state)"
        }
    }
}

/// A store that shows one record under every key.
private struct MixedUpListing: ListableIdempotencyStore {
    let record: StoredRecord

    init(_ record: StoredRecord) { self.record = record }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? { record }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult { .conflict(record) }

    nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        RecordPage(records: [ListedRecord(key: key("this"), stored: record, age: .zero)], next: nil)
    }

    nonisolated(nonsending) func purge(limit: Int) async throws -> Int { 0 }
    nonisolated(nonsending) func check() async throws -> StoreReport { StoreReport(product: "a test", role: .embedded) }
}

/// A store whose calls can be disturbed, listed past the disturbance.
private struct Listing: ListableIdempotencyStore {
    let calls: FaultInjectingStore
    let records: InMemoryIdempotencyStore

    init(_ calls: FaultInjectingStore, _ records: InMemoryIdempotencyStore) {
        self.calls = calls
        self.records = records
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? { try await calls.load(key) }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try await calls.checkAndSet(key, expecting: expected, change)
    }

    nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        try await records.list(query, after: cursor, limit: limit)
    }

    nonisolated(nonsending) func purge(limit: Int) async throws -> Int { try await records.purge(limit: limit) }
    nonisolated(nonsending) func check() async throws -> StoreReport { try await records.check() }
}
