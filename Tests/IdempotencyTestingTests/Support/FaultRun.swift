import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import Synchronization

/// Two processes serve one key, and calls to their store go wrong: a run that repeats exactly.
struct FaultRun: Sendable {
    enum Lapse: CaseIterable, Sendable {
        case rerun
        case refuse
        case reconcile
    }

    enum Workload: CaseIterable, Sendable {
        /// Works for two seconds, and then takes effect.
        case oneEffect
        /// Works for a second in each of two steps.
        case twoSteps
    }

    struct Injection: Hashable, Sendable, CustomStringConvertible {
        /// Which call goes wrong; the first is 1.
        let number: Int
        let fault: StoreFault
        let lateness: Duration

        var description: String { "\(fault) by \(lateness) at call \(number)" }
    }

    struct Report: Sendable, Equatable {
        var runs: Int
        var effects: Int
        var calls: [FaultInjectingStore.Operation]
        var wrong: [String]
    }

    static let lease = Duration.seconds(3)

    var lapse = Lapse.rerun
    var workload = Workload.oneEffect
    var injections: [Injection] = []
    var flaw: StoreConformanceCheck?

    func simulate(seed: UInt64) throws -> (result: Report, trace: UInt64) {
        try Simulation.run(seed: seed) { try await run(in: $0) }
    }

    private func run(in simulation: Simulation) async throws -> Report {
        let memory: any IdempotencyStore =
            if let flaw {
                ToyStore(flaw, simulation.clock)
            } else {
                InMemoryIdempotencyStore(clock: simulation.clock, firstVersion: RecordVersion(rawValue: 1))
            }
        let store = FaultInjectingStore(memory, clock: simulation.clock, executor: simulation.executor)
        for injection in injections {
            store.inject(injection.fault, at: injection.number, lateness: injection.lateness)
        }
        let witness = FaultWitness()
        let policy = try OperationPolicy(lease: Self.lease, waitLimit: .seconds(8), lapse: handling(witness))
        let interceptors = (1...2).map {
            IdempotencyInterceptor(store: store, policy: policy, runtime: simulation.runtime(seed: $0))
        }
        let key = try IdempotencyKey(operation: "charge", value: "k")
        await withTaskGroup(of: Void.self) { group in
            for interceptor in interceptors {
                group.addTask { await call(interceptor, key, witness, simulation.clock) }
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
        if lapse == .refuse, witness.runs > 1 { witness.note("\(witness.runs) runs under .refuse") }
        if lapse != .rerun, witness.effects > 1 { witness.note("\(witness.effects) effects under .\(lapse)") }
        if injections.isEmpty, witness.runs != 1 { witness.note("\(witness.runs) runs without a fault") }
        return Report(runs: witness.runs, effects: witness.effects, calls: store.calls, wrong: witness.wrong)
    }

    private func handling(_ witness: FaultWitness) -> OperationPolicy.LapseHandling {
        switch lapse {
        case .rerun: .rerun
        case .refuse: .refuse
        case .reconcile: .reconcile { _ in witness.effect.map { .done($0) } ?? .runAgain }
        }
    }

    /// A client that tries again until it has an answer, or is told that there will be none.
    private func call(
        _ interceptor: IdempotencyInterceptor,
        _ key: IdempotencyKey,
        _ witness: FaultWitness,
        _ clock: ManualClock
    ) async {
        for _ in 1...8 {
            do {
                let value = try await interceptor.idempotent(key: key) { execution in
                    try await handle(execution, witness, clock)
                }
                return witness.answer(value)
            } catch {
                if lapse == .refuse, (error as? IdempotencyError)?.code == .outcomeUnknown { return }
                try? await clock.sleep(for: .seconds(1))
            }
        }
        if lapse != .refuse { witness.note("a client was never answered") }
    }

    private func handle(
        _ execution: IdempotentExecution,
        _ witness: FaultWitness,
        _ clock: ManualClock
    ) async throws -> String {
        let run = witness.enter(execution)
        defer { witness.leave(run) }
        switch workload {
        case .oneEffect:
            try await clock.sleep(for: .seconds(2))
            try await execution.checkLease()
            return witness.takeEffect(run, execution)
        case .twoSteps:
            let reserved = try await execution.step("reserve") {
                try await clock.sleep(for: .seconds(1))
                return witness.step("reserve", run)
            }
            witness.acknowledge("reserve", reserved)
            let charged = try await execution.step("charge") {
                try await clock.sleep(for: .seconds(1))
                try await execution.checkLease()
                _ = witness.step("charge", run)
                return witness.takeEffect(run, execution)
            }
            witness.acknowledge("charge", charged)
            return charged
        }
    }
}
