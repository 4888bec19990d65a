import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import Testing

@Suite("The checks of a store under load", .serialized, .timeLimit(.minutes(10)))
struct LoadCheckTests {
    static let checks: [StoreConformanceCheck] = [
        .leasesHoldInAFlood, .leasesHoldBesideHeldKeys, .leasesHoldBesideOperators, .waitersAreAnsweredInTime,
        .callsOfHeldKeysEnd,
    ]

    private func check(_ check: StoreConformanceCheck, _ flaw: LineStore.Flaw?) async throws {
        try await StoreConformanceCheck.withGrowingTick(from: .milliseconds(20), upTo: .seconds(2)) { tick in
            let store = LineStore(flaw, limit: tick * 20)
            let load = ConformanceLoad(maximumCalls: 2000, callLimit: store.limit) { keys, body in
                try await store.hold(keys, while: body)
            }
            let subject = StoreUnderTest(store, tick: tick, load: load) { try await Task.sleep(for: $0) }
            #expect(check.applies(to: subject))
            try await check.run(on: subject)
        }
    }

    @Test(
        "A store in which renewals and finishes pass the others, and that gives up in time, passes",
        arguments: checks
    )
    func sound(_ rule: StoreConformanceCheck) async throws { try await check(rule, nil) }

    @Test(
        "A store that lets them wait fails, and is told which rule",
        arguments: [
            (LineStore.Flaw.firstComeFirstServed, StoreConformanceCheck.leasesHoldInAFlood),
            (.waitsForHeldKeys, .leasesHoldBesideHeldKeys),
            (.slowOperators, .leasesHoldBesideOperators),
            (.neverGivesUp, .callsOfHeldKeysEnd),
        ]
    )
    func broken(_ flaw: LineStore.Flaw, _ rule: StoreConformanceCheck) async throws {
        let violation = await #expect(throws: ConformanceViolation.self) { try await check(rule, flaw) }
        #expect(violation?.check == rule)
    }

    @Test("Whoever waits is answered in time although the store is slow to let him look: the engine waits no longer")
    func slowLooks() async throws { try await check(.waitersAreAnsweredInTime, .slowLooks) }

    @Test(
        "The in-memory store, in which nothing holds up a key, passes the others",
        arguments: checks.filter { !$0.isOfHeldKeys }
    )
    func inMemory(_ rule: StoreConformanceCheck) async throws {
        try await StoreConformanceCheck.withGrowingTick { tick in
            let subject = StoreUnderTest(
                InMemoryIdempotencyStore(capacity: 1_000_000),
                tick: tick,
                load: ConformanceLoad(maximumCalls: 1000)
            ) { try await Task.sleep(for: $0) }
            #expect(rule.applies(to: subject))
            try await rule.run(on: subject)
        }
    }
}

extension StoreConformanceCheck {
    fileprivate var isOfHeldKeys: Bool { [.leasesHoldBesideHeldKeys, .callsOfHeldKeysEnd].contains(self) }
}
