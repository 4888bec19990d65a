import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import Synchronization
import Testing

/// Two processes serve one key; every store call of a run goes wrong in every way, alone and in pairs.
@Suite("Whatever goes wrong with the store, and wherever", .timeLimit(.minutes(5)))
struct ExhaustiveFaultTests {
    struct Injection: Hashable, Sendable {
        let number: Int
        let fault: StoreFault
    }

    /// What the handlers and the callers of one run have seen.
    private final class Witness: Sendable {
        private struct State {
            var runs = 0
            var running: [(run: Int, execution: IdempotentExecution)] = []
            var tokens: [FencingToken] = []
            var answers: Set<String> = []
            var wrong: [String] = []
        }

        private let state = Mutex(State())

        var runs: Int { state.withLock { $0.runs } }
        var answers: Set<String> { state.withLock { $0.answers } }
        var wrong: [String] { state.withLock { $0.wrong } }

        func enter(_ execution: IdempotentExecution) -> Int {
            state.withLock { state in
                state.runs += 1
                for other in state.running where other.execution.leaseRemaining ?? .zero > .zero {
                    state.wrong.append("run \(state.runs) began while the lease of run \(other.run) held")
                }
                if let token = execution.token {
                    if let last = state.tokens.last, token <= last {
                        state.wrong.append("run \(state.runs) has token \(token), after \(last)")
                    }
                    state.tokens.append(token)
                }
                state.running.append((state.runs, execution))
                return state.runs
            }
        }

        func leave(_ run: Int) { state.withLock { $0.running.removeAll { $0.run == run } } }
        func answer(_ value: String) { state.withLock { _ = $0.answers.insert(value) } }
        func note(_ text: String) { state.withLock { $0.wrong.append(text) } }
    }

    private struct Report: Sendable, Equatable {
        var runs: Int
        var calls: Int
        var wrong: [String]
    }

    private func simulate(
        _ injections: [Injection],
        _ lapse: OperationPolicy.LapseHandling,
        seed: UInt64,
        flaw: StoreConformanceCheck? = nil
    ) throws -> (result: Report, trace: UInt64) {
        try Simulation.run(seed: seed) { simulation in
            let memory: any IdempotencyStore =
                if let flaw {
                    ToyStore(flaw, simulation.clock)
                } else {
                    InMemoryIdempotencyStore(clock: simulation.clock, firstVersion: RecordVersion(rawValue: 1))
                }
            let store = FaultInjectingStore(
                memory,
                clock: simulation.clock,
                lateness: .milliseconds(700),
                executor: simulation.executor
            )
            for injection in injections { store.inject(injection.fault, at: injection.number) }
            let policy = try OperationPolicy(lease: .seconds(3), waitLimit: .seconds(8), lapse: lapse)
            let witness = Witness()
            let interceptors = (1...2).map {
                IdempotencyInterceptor(store: store, policy: policy, runtime: simulation.runtime(seed: $0))
            }
            let key = try IdempotencyKey(operation: "charge", value: "k")
            await withTaskGroup(of: Void.self) { group in
                for interceptor in interceptors {
                    group.addTask {
                        // A client that tries again until it has an answer, or is told that there will be none.
                        for _ in 1...8 {
                            do {
                                let value = try await interceptor.idempotent(key: key) { execution in
                                    let run = witness.enter(execution)
                                    defer { witness.leave(run) }
                                    try await simulation.clock.sleep(for: .seconds(2))
                                    return "result of run \(run)"
                                }
                                witness.answer(value)
                                return
                            } catch {
                                if (error as? IdempotencyError)?.code == .outcomeUnknown { return }
                                try? await simulation.clock.sleep(for: .seconds(1))
                            }
                        }
                        if case .refuse = lapse { return }
                        witness.note("a client was never answered")
                    }
                }
            }
            for interceptor in interceptors where await interceptor.shutdown(within: .seconds(60)) != 0 {
                witness.note("something was left at the shutdown")
            }
            let stored = try await memory.load(key)
            if witness.answers.count > 1 { witness.note("two answers: \(witness.answers)") }
            if !witness.answers.isEmpty {
                if case .done? = stored?.record.state {} else { witness.note("answered, and the record is not done") }
            }
            if case .refuse = lapse, witness.runs > 1 { witness.note("\(witness.runs) runs under .refuse") }
            if injections.isEmpty, witness.runs != 1 { witness.note("\(witness.runs) runs without a fault") }
            return Report(runs: witness.runs, calls: store.callCount(), wrong: witness.wrong)
        }
    }

    private static let faults = StoreFault.allCases

    @Test("One fault at each call, and each pair of faults", arguments: [false, true])
    func everyFault(_ isStrict: Bool) throws {
        let lapse: OperationPolicy.LapseHandling = isStrict ? .refuse : .rerun
        var count = 0
        var mostRuns = 0
        func check(_ injections: [Injection]) throws -> Int {
            let report = try simulate(injections, lapse, seed: UInt64(count + 1)).result
            count += 1
            mostRuns = max(mostRuns, report.runs)
            #expect(report.wrong.isEmpty, "\(injections), seed \(count): \(report.wrong)")
            return report.calls
        }
        let untouched = try check([])
        #expect(untouched > 0)
        for fault in Self.faults {
            var number = 1
            // Until the run ends before the call that was to go wrong.
            while try check([Injection(number: number, fault: fault)]) >= number {
                for other in Self.faults {
                    var second = number + 1
                    while second <= number + 6 {
                        let pair = [Injection(number: number, fault: fault), Injection(number: second, fault: other)]
                        if try check(pair) < second { break }
                        second += 1
                    }
                }
                number += 1
                try #require(number < 100, "the run does not end")
            }
        }
        print(
            "Exhaustive faults, \(isStrict ? ".refuse" : ".rerun"): \(count) runs, at most \(mostRuns) of the handler"
        )
        #expect(count > 500)
        // Two faults are not enough for a second run, under either policy: that takes a store away for a whole lease.
        #expect(mostRuns == 1)
    }

    @Test("A store whose check and set are two steps is found out")
    func brokenStore() throws {
        let wrong = try (1...50).flatMap {
            try simulate([], .rerun, seed: $0, flaw: .oneWinnerOfAnAbsentKey).result.wrong
        }
        #expect(wrong.contains { $0.contains("began while the lease") })
    }

    @Test("A run repeats exactly, and another seed gives another one")
    func repeats() throws {
        let injections = [Injection(number: 2, fault: .loseReply), Injection(number: 4, fault: .applyLate)]
        let first = try simulate(injections, .rerun, seed: 11)
        for _ in 1...5 {
            let again = try simulate(injections, .rerun, seed: 11)
            #expect(again.trace == first.trace)
            #expect(again.result == first.result)
        }
        let traces = try (1...20).map { try simulate(injections, .rerun, seed: $0).trace }
        #expect(Set(traces).count > 1)
    }
}
