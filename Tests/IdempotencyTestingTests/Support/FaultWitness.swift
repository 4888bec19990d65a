import Idempotency
import Synchronization

/// What the handlers and the callers of one run have seen.
final class FaultWitness: Sendable {
    private struct State {
        var runs = 0
        var running: [(run: Int, execution: IdempotentExecution)] = []
        var tokens: [FencingToken] = []
        var effects: [String] = []
        /// What each step returned when its checkpoint was first acknowledged.
        var acknowledged: [String: String] = [:]
        var answers: Set<String> = []
        var wrong: [String] = []
    }

    private let state = Mutex(State())

    var runs: Int { state.withLock { $0.runs } }
    var effects: Int { state.withLock { $0.effects.count } }
    /// What took effect last.
    var effect: String? { state.withLock { $0.effects.last } }
    var answers: Set<String> { state.withLock { $0.answers } }
    var wrong: [String] { state.withLock { $0.wrong } }

    func enter(_ execution: IdempotentExecution) -> Int {
        state.withLock { state in
            state.runs += 1
            for other in state.running where other.execution.leaseRemaining ?? .zero > .zero {
                state.wrong.append("run \(state.runs) began while the lease of run \(other.run) held")
            }
            if execution.leaseRemaining == .zero { state.wrong.append("run \(state.runs) began after its lease") }
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

    /// A step's body is run. Returns the step's result.
    func step(_ name: String, _ run: Int) -> String {
        state.withLock { state in
            if state.acknowledged[name] != nil {
                state.wrong.append("run \(run) took the step \(name), whose checkpoint had been acknowledged")
            }
            return "\(name) of run \(run)"
        }
    }

    /// A step returned to the handler.
    func acknowledge(_ name: String, _ result: String) {
        state.withLock { state in
            if let first = state.acknowledged[name], first != result {
                state.wrong.append("the step \(name) returned \(first), and then \(result)")
            }
            state.acknowledged[name] = state.acknowledged[name] ?? result
        }
    }

    func takeEffect(_ run: Int, _ execution: IdempotentExecution) -> String {
        state.withLock { state in
            if execution.leaseRemaining == .zero { state.wrong.append("run \(run) took effect after its lease") }
            state.effects.append("result of run \(run)")
            return "result of run \(run)"
        }
    }

    func answer(_ value: String) { state.withLock { _ = $0.answers.insert(value) } }
    func note(_ text: String) { state.withLock { $0.wrong.append(text) } }
}
