import Idempotency
import IdempotencyTesting
import Testing

/// Those of a store under load are looked at by `LoadCheckTests`: they need a real clock.
private let checks = StoreConformanceCheck.allCases.filter { !LoadCheckTests.checks.contains($0) }

@Suite("Each conformance check finds the store that breaks its rule", .timeLimit(.minutes(10)))
struct BrokenStoreTests {
    private func subject(
        _ flaw: StoreConformanceCheck?,
        _ subtlety: ToyStore.Subtlety? = nil,
        wakeLimit: Duration = .seconds(60)
    ) -> StoreUnderTest {
        let clock = ManualClock()
        let store = ToyStore(flaw, clock, capacity: 300, subtlety: subtlety)
        return StoreUnderTest(
            store,
            another: flaw == .loadSeesEveryAcknowledgedWrite ? StaleReplica(store) : store,
            wakeLimit: wakeLimit,
            capacity: 300,
            reopen: {
                store.restart()
                return store
            },
            stepClock: { clock.step(by: $0) },
            advanceTime: { clock.advance(by: $0) }
        )
    }

    @Test("A store without a flaw passes", arguments: checks)
    func honest(_ check: StoreConformanceCheck) async throws {
        try await check.run(on: subject(nil))
    }

    @Test("A store that breaks the rule fails, and is told which rule", arguments: checks)
    func broken(_ check: StoreConformanceCheck) async throws {
        // A wake-up that is lost is waited for as long as that.
        let subject = subject(check, wakeLimit: .milliseconds(100))
        let violation = await #expect(throws: ConformanceViolation.self) { try await check.run(on: subject) }
        #expect(violation?.check == check)
        #expect(violation.map { "\($0)".hasPrefix(check.rule) } ?? false)
    }

    @Test("A store that breaks a rule in another way fails, too", arguments: ToyStore.Subtlety.allCases)
    func subtle(_ subtlety: ToyStore.Subtlety) async throws {
        let violation = await #expect(throws: ConformanceViolation.self) {
            try await subtlety.broken.run(on: subject(nil, subtlety))
        }
        #expect(violation?.check == subtlety.broken)
    }

    @Test("Which checks do not look at a store is told beforehand")
    func applies() async throws {
        let whole = subject(nil)
        #expect(StoreConformanceCheck.allCases.filter { !$0.applies(to: whole) } == LoadCheckTests.checks)
        // Only the protocol's two functions, on a clock that only goes forward.
        let clock = ManualClock()
        let bare = StoreUnderTest(FaultInjectingStore(ToyStore(nil, clock))) { clock.advance(by: $0) }
        let unchecked = StoreConformanceCheck.allCases.filter { !$0.applies(to: bare) }
        #expect(unchecked.count == 29 + LoadCheckTests.checks.count)
        #expect(unchecked.contains(.changesWakeSubscribers) && !unchecked.contains(.claimsAbsentKey))
    }

    @Test(
        "A check that does not apply asks the store nothing, and one that does asks",
        arguments: checks
    )
    func asks(_ check: StoreConformanceCheck) async throws {
        let clock = ManualClock()
        let counted = FaultInjectingStore(ToyStore(nil, clock))
        let subject = StoreUnderTest(counted) { clock.advance(by: $0) }
        try await check.run(on: subject)
        #expect((counted.callCount() > 0) == check.applies(to: subject))
    }

    @Test("A store that answers too late for its tick is not called wrong, and one that is wrong is")
    func inconclusive() async throws {
        let clock = ManualClock()
        /// The store's clock goes with the machine's.
        @Sendable func wait(_ span: Duration) async throws {
            let began = ContinuousClock.now
            try await Task.sleep(for: span)
            clock.advance(by: began.duration(to: .now))
        }
        let tick = Duration.milliseconds(50)
        let busy = SlowStore(base: ToyStore(nil, clock)) { try await wait(tick * 11) }
        let doubt = await #expect(throws: InconclusiveConformance.self) {
            try await StoreConformanceCheck.livePendingStays.run(
                on: StoreUnderTest(busy, tick: tick, advanceTime: wait)
            )
        }
        #expect(doubt.map { "\($0)".contains("longer than a quarter of the tick of 0.05 seconds") } ?? false)
        // On a clock that is moved by hand it does not matter how long it takes.
        let wrong = SlowStore(base: ToyStore(.lapsedIsNotAbsent, clock)) { try await Task.sleep(for: tick * 2) }
        await #expect(throws: ConformanceViolation.self) {
            let subject = StoreUnderTest(wrong, tick: tick) { clock.advance(by: $0) }
            try await StoreConformanceCheck.lapsedIsNotAbsent.run(on: subject)
        }
    }

    @Test(
        "No check calls a sound store wrong on a machine on which each call takes longer than a lease",
        arguments: checks
    )
    func slowMachine(_ check: StoreConformanceCheck) async throws {
        let clock = ManualClock()
        @Sendable func wait(_ span: Duration) async throws {
            let began = ContinuousClock.now
            try await Task.sleep(for: span)
            clock.advance(by: began.duration(to: .now))
        }
        let tick = Duration.microseconds(200)
        let slow = SlowStore(base: ToyStore(nil, clock)) { try await wait(tick * 11) }
        do {
            try await check.run(on: StoreUnderTest(slow, tick: tick, rounds: 1, advanceTime: wait))
        } catch is InconclusiveConformance {
            // The check says that it cannot tell.
        }
    }

    @Test(
        "Two winners of a race are a violation, however slow the machine is",
        arguments: [StoreConformanceCheck.oneWinnerOfALapsedClaim, .oneWinnerOfAnExpiredKey, .purgeLosesNoClaim]
    )
    func neverInconclusive(_ check: StoreConformanceCheck) async throws {
        let clock = ManualClock()
        // No race is over within a quarter of this tick.
        let subject = StoreUnderTest(ToyStore(check, clock), tick: .microseconds(10)) { span in
            try await Task.sleep(for: span)
            clock.advance(by: span)
        }
        let violation = await #expect(throws: ConformanceViolation.self) { try await check.run(on: subject) }
        #expect(violation?.check == check)
    }

    @Test("An inconclusive check is repeated with twice the tick, up to the longest; a violation is not repeated")
    func growingTick() async throws {
        func run(throwing error: (Duration) -> (any Error)?) async throws -> (ticks: [Duration], error: (any Error)?) {
            var ticks: [Duration] = []
            var reported: [Duration] = []
            defer { #expect(reported == Array(ticks.dropFirst())) }
            do {
                try await StoreConformanceCheck.withGrowingTick(
                    from: .milliseconds(10),
                    upTo: .milliseconds(50),
                    report: { reported.append($1) },
                    { tick in
                        ticks.append(tick)
                        if let error = error(tick) { throw error }
                    }
                )
                return (ticks, nil)
            } catch {
                return (ticks, error)
            }
        }
        let clock = ManualClock()
        let real = StoreUnderTest(ToyStore(.livePendingStays, clock), tick: .milliseconds(1)) { span in
            try await Task.sleep(for: span + .milliseconds(5))
            clock.advance(by: span + .seconds(60))
        }
        let doubt = try #require(
            await #expect(throws: InconclusiveConformance.self) {
                try await StoreConformanceCheck.livePendingStays.run(on: real)
            }
        )
        let once = try await run { $0 < .milliseconds(20) ? doubt : nil }
        #expect(once.ticks == [.milliseconds(10), .milliseconds(20)] && once.error == nil)
        let always = try await run { _ in doubt }
        #expect(always.ticks == [.milliseconds(10), .milliseconds(20), .milliseconds(40)])
        #expect(always.error is InconclusiveConformance)
        let wrong = try await run { _ in doubt.violation }
        #expect(wrong.ticks == [.milliseconds(10)] && wrong.error is ConformanceViolation)
    }

    /// Lets something happen before each call.
    private struct SlowStore: ListableIdempotencyStore, WakingIdempotencyStore {
        let base: ToyStore
        let delay: @Sendable () async throws -> Void

        nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
            try await delay()
            return try await base.load(key)
        }

        nonisolated(nonsending) func checkAndSet(
            _ key: IdempotencyKey,
            expecting expected: RecordVersion?,
            _ change: RecordChange
        ) async throws -> CheckAndSetResult {
            try await delay()
            return try await base.checkAndSet(key, expecting: expected, change)
        }

        nonisolated(nonsending) func list(
            _ query: RecordQuery,
            after cursor: RecordCursor?,
            limit: Int
        ) async throws -> RecordPage {
            try await delay()
            return try await base.list(query, after: cursor, limit: limit)
        }

        nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
            try await delay()
            return try await base.purge(limit: limit)
        }

        nonisolated(nonsending) func check() async throws -> StoreReport { try await base.check() }

        nonisolated(nonsending) func subscribe(
            to key: IdempotencyKey,
            onChange: @escaping @Sendable () -> Void
        ) async throws -> any StoreSubscription {
            try await base.subscribe(to: key, onChange: onChange)
        }
    }
}
