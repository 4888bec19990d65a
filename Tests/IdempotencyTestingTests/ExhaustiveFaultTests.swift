import Idempotency
import IdempotencyTesting
import Testing

/// Every store call of a run goes wrong in every way, alone and in pairs.
@Suite("Whatever goes wrong with the store, and wherever", .serialized, .timeLimit(.minutes(10)))
struct ExhaustiveFaultTests {
    /// Shorter and longer than the lease.
    private static let latenesses = [Duration.milliseconds(700), FaultRun.lease + .seconds(1)]

    /// What can go wrong with a call. Of a read that fails, it makes no difference how.
    private static func faults(of operation: FaultInjectingStore.Operation) -> [(fault: StoreFault, lateness: Duration)]
    {
        let late = [StoreFault.delay, .delayBefore].flatMap { fault in latenesses.map { (fault, $0) } }
        switch operation {
        case .load: return late + [(.failBefore, .zero)]
        case .checkAndSet:
            let applied = [StoreFault.failBefore, .loseReply, .applyTwice].map { ($0, Duration.zero) }
            return late + applied + latenesses.map { (.applyLate, $0) }
        }
    }

    @Test(
        "One fault at each call, and each pair of faults",
        arguments: FaultRun.Lapse.allCases,
        FaultRun.Workload.allCases
    )
    func everyFault(_ lapse: FaultRun.Lapse, _ workload: FaultRun.Workload) throws {
        var counts = [0, 0, 0]
        var (mostRuns, mostEffects, mostCalls) = (0, 0, 0)

        /// Runs with these faults, and then with each one more that comes later: with one seed for all, a run is the same up to
        /// the call where the next fault is.
        func check(_ injections: [FaultRun.Injection]) throws {
            let report = try FaultRun(lapse: lapse, workload: workload, injections: injections).simulate(seed: 1).result
            #expect(report.wrong.isEmpty, "\(injections): \(report.wrong)")
            counts[injections.count] += 1
            mostRuns = max(mostRuns, report.runs)
            mostEffects = max(mostEffects, report.effects)
            mostCalls = max(mostCalls, report.calls.count)
            try #require(report.calls.count < 200, "\(injections): the run does not end")
            guard injections.count < 2 else { return }
            for (index, operation) in report.calls.enumerated().dropFirst(injections.last?.number ?? 0) {
                for (fault, lateness) in Self.faults(of: operation) {
                    try check(injections + [FaultRun.Injection(number: index + 1, fault: fault, lateness: lateness)])
                }
            }
        }
        try check([])
        print(
            "Exhaustive faults, .\(lapse), .\(workload): \(counts[1]) single faults and \(counts[2]) pairs; "
                + "at most \(mostCalls) calls, \(mostRuns) runs and \(mostEffects) effects"
        )
        #expect(counts[1] > 40 && counts[2] > 1000)
    }

    @Test("A store whose check and set are two steps is found out")
    func brokenStore() throws {
        let wrong = try (1...50).flatMap {
            try FaultRun(flaw: .oneWinnerOfAnAbsentKey).simulate(seed: $0).result.wrong
        }
        #expect(wrong.contains { $0.contains("began while the lease") })
    }

    @Test("A run repeats exactly, and another seed gives another one")
    func repeats() throws {
        let run = FaultRun(injections: [
            FaultRun.Injection(number: 2, fault: .loseReply, lateness: .zero),
            FaultRun.Injection(number: 4, fault: .applyLate, lateness: .milliseconds(700)),
        ])
        let first = try run.simulate(seed: 11)
        for _ in 1...5 {
            let again = try run.simulate(seed: 11)
            #expect(again.trace == first.trace)
            #expect(again.result == first.result)
        }
        let traces = try (1...20).map { try run.simulate(seed: $0).trace }
        #expect(Set(traces).count > 1)
    }
}
