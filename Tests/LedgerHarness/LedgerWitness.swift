import Foundation
import Synchronization

/// What worker processes have said. It outlives them, and is on the disk before anybody counts on it.
@available(Idempotency 0.1, *)
public final class LedgerWitness: Sendable {
    private struct State {
        var answers: [Int: Set<String>] = [:]
        /// The keys whose handlers are under way, by process.
        var open: [Int: Set<Int>] = [:]
        var errors: Set<String> = []
        var repetitions: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let log: Int32

    /// - Parameter log: The file to which answers are written.
    public init(log path: String) {
        log = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        precondition(log >= 0, "\(path) cannot be opened")
    }

    deinit { close(log) }

    /// The answers that callers have got, by key; each should be one.
    public var answers: [Int: Set<String>] { state.withLock { $0.answers } }
    /// What went wrong.
    public var errors: Set<String> { state.withLock { $0.errors } }
    /// How often a call had to be repeated, by reason.
    public var repetitions: [String: Int] { state.withLock { $0.repetitions } }

    func hear(_ lines: [Substring], from process: Int) {
        let answers = lines.filter { $0.hasPrefix("ack ") }
        if !answers.isEmpty {
            let bytes = Array((answers.joined(separator: "\n") + "\n").utf8)
            precondition(bytes.withUnsafeBytes { write(log, $0.baseAddress, $0.count) } == bytes.count)
            fsync(log)
        }
        state.withLock { state in
            for line in lines {
                let words = line.split(separator: " ", maxSplits: 2).map(String.init)
                switch words.first {
                case "begin": state.open[process, default: []].insert(Int(words[1])!)
                case "again": state.repetitions[words[2], default: 0] += 1
                case "ack":
                    state.open[process]?.remove(Int(words[1])!)
                    state.answers[Int(words[1])!, default: []].insert(words[2])
                case "done": break
                default: state.errors.insert(String(line))
                }
            }
        }
    }

    /// How many handlers have begun without an answer by now.
    var openNow: Int { state.withLock { $0.open.values.reduce(0) { $0 + $1.count } } }

    /// How many handlers of a process had begun without an answer.
    func takeOpen(of process: Int) -> Int { state.withLock { $0.open.removeValue(forKey: process)?.count ?? 0 } }
}
