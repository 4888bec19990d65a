#if SQLite
import Foundation
import Idempotency
import IdempotencySQLite
import Synchronization
import TestSupport
import Testing

/// Processes that share a file, some of them killed in the middle of their work.
@Suite("Processes that are killed", .serialized, .timeLimit(.minutes(10)))
struct SQLiteCrashTests {
    /// What the processes have said. It outlives them: this process reads it.
    private final class Witness: Sendable {
        private struct State {
            var answers: [Int: Set<String>] = [:]
            /// The keys whose handlers are under way, by process.
            var open: [Int: Set<Int>] = [:]
            var errors: Set<String> = []
        }

        private let state = Mutex(State())
        /// Counts the handlers that have begun, by process.
        private let begun = Mutex<[Int: Counter]>([:])

        /// Counts the handlers of a process that have begun.
        func handlers(of process: Int) -> Counter {
            begun.withLock { begun in
                let counter = begun[process] ?? Counter()
                begun[process] = counter
                return counter
            }
        }

        var answers: [Int: Set<String>] { state.withLock { $0.answers } }
        var errors: Set<String> { state.withLock { $0.errors } }

        func hear(_ line: Substring, from process: Int) {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            state.withLock { state in
                switch words.first {
                case "begin": state.open[process, default: []].insert(Int(words[1])!)
                case "ack":
                    state.open[process]?.remove(Int(words[1])!)
                    state.answers[Int(words[1])!, default: []].insert(words[2])
                case "unknown", "busy", "done": break
                default: state.errors.insert(String(line))
                }
            }
            if words.first == "begin" { handlers(of: process).add() }
        }

        /// How many handlers of a process were under way when it was killed.
        func takeOpen(of process: Int) -> Int { state.withLock { $0.open.removeValue(forKey: process)?.count ?? 0 } }
    }

    private let folder = TemporaryFolder()
    private let witness = Witness()

    private var workerPath: String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("StoreWorker")
            .path
    }

    private func start(_ keys: ClosedRange<Int>, seed: Int, lease: Int = 2000) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: workerPath)
        process.arguments = [folder.path("keys.db"), "\(keys.lowerBound)", "\(keys.upperBound)", "\(seed)", "\(lease)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        let witness = witness
        let reader = Thread {
            var rest = ""
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                // `FileHandle` would wait until the buffer is full.
                let count = read(pipe.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
                if count <= 0 { break }
                rest += String(decoding: buffer[..<count], as: UTF8.self)
                let lines = rest.split(separator: "\n", omittingEmptySubsequences: false)
                for line in lines.dropLast() { witness.hear(line, from: seed) }
                rest = String(lines.last ?? "")
            }
        }
        try process.run()
        reader.start()
        return process
    }

    private func ledger() throws -> [Int: Int] {
        let text = (try? String(contentsOfFile: folder.path("keys.db.ledger"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").reduce(into: [:]) { $0[Int($1)!, default: 0] += 1 }
    }

    @Test(
        "Killed again and again: no acknowledged answer is lost or another one, and under .refuse no effect happens twice"
    )
    func kills() async throws {
        // More than can be run meanwhile, so that there is always something to interrupt.
        let keys = 1...100_000
        var seeds = [1, 2, 3]
        var workers = try seeds.map { try start(keys, seed: $0) }
        var open: [Int] = []
        for number in 1...20 {
            let victim = number % workers.count
            await witness.handlers(of: seeds[victim]).wait(for: 10)
            try await Task.sleep(for: .milliseconds(120 + (number * 37) % 160))
            kill(workers[victim].processIdentifier, SIGKILL)
            workers[victim].waitUntilExit()
            open.append(witness.takeOpen(of: seeds[victim]))
            seeds[victim] = 10 + number
            workers[victim] = try start(keys, seed: seeds[victim])
        }
        for worker in workers { kill(worker.processIdentifier, SIGKILL) }
        for worker in workers { worker.waitUntilExit() }
        print("SQLite, 20 kills: open executions at each \(open), keys answered \(witness.answers.count)")
        #expect(open.sorted()[open.count / 2] > 0, "nothing was under way when the processes were killed")
        #expect(witness.errors.isEmpty, "\(witness.errors.prefix(3))")
        #expect(witness.answers.count > 100)

        let effects = try ledger()
        #expect(effects.values.allSatisfy { $0 == 1 }, "\(effects.filter { $0.value != 1 })")
        let store = try await SQLiteIdempotencyStore(path: folder.path("keys.db"))
        let interceptor = IdempotencyInterceptor(store: store)
        for (number, answers) in witness.answers {
            #expect(answers.count == 1, "key \(number) was answered in two ways")
            #expect(effects[number] == 1, "key \(number) was answered, and its effect did not happen")
            let key = try IdempotencyKey(operation: "transfer", value: "k-\(number)")
            let kept = try await interceptor.outcome(key: key) { _ in "lost" }
            guard case .replayed(let result) = kept else {
                Issue.record("the answer of key \(number) is lost")
                continue
            }
            #expect(result == answers.first)
        }
    }

    @Test("Three processes race for each key: one of them runs it")
    func race() async throws {
        let keys = 1...400
        // Nobody dies here, and no machine is so slow that a lease would be over.
        let workers = try (1...3).map { try start(keys, seed: $0, lease: 60_000) }
        for worker in workers {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    worker.waitUntilExit()
                    continuation.resume()
                }
            }
        }
        #expect(witness.errors.isEmpty, "\(witness.errors.prefix(3))")
        let effects = try ledger()
        #expect(effects.count == 400)
        #expect(effects.values.allSatisfy { $0 == 1 })
        // What was said last may still be on its way through the pipe.
        while witness.answers.count < 400 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(witness.answers.values.allSatisfy { $0.count == 1 })
    }
}
#endif
