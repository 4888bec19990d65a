#if SQLite
import Foundation
import Idempotency
import IdempotencySQLite

/// A process of a service, for tests that kill it: runs keys one after the other in many tasks, and says on standard output
/// what it does, a line each.
///
/// `StoreWorker <database> <first key> <last key> <seed> <lease in milliseconds>`. The lines are `begin <key>` when a handler is entered, `ack <key>
/// <result>` when a caller has its answer, `unknown <key>`, and `error <text>`. The effect of a handler is a line in the file
/// `<database>.ledger`, which nothing keeps from holding a key twice.
@main
struct StoreWorker {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let path = arguments[1]
        let keys = Int(arguments[2])!...Int(arguments[3])!
        let seed = Int(arguments[4])!
        let lease = Duration.milliseconds(Int(arguments[5])!)
        let store = try await SQLiteIdempotencyStore(path: path)
        let policy = try OperationPolicy(
            lease: lease,
            waitLimit: .seconds(5),
            pollInterval: .milliseconds(50),
            lapse: .refuse
        )
        let interceptor = IdempotencyInterceptor(store: store, policy: policy)
        let ledger = open(path + ".ledger", O_WRONLY | O_APPEND | O_CREAT, 0o600)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    // Each task goes its own way through all keys, so that processes meet on them.
                    let count = keys.count
                    for step in 0..<count {
                        let number = keys.lowerBound + (step * 7919 + task * 611 + seed * 104_729) % count
                        await run(number, interceptor, ledger)
                    }
                }
            }
        }
        say("done")
    }

    private static func run(_ number: Int, _ interceptor: IdempotencyInterceptor, _ ledger: Int32) async {
        do {
            let key = try IdempotencyKey(operation: "transfer", value: "k-\(number)")
            let outcome = try await interceptor.outcome(key: key) { execution in
                say("begin \(number)")
                try await Task.sleep(for: .milliseconds(2))
                line("\(number)", to: ledger)
                try await Task.sleep(for: .milliseconds(2))
                return "\(number) by \(execution.token!)"
            }
            switch outcome {
            case .ran(let result), .replayed(let result): say("ack \(number) \(result)")
            case .unknown: say("unknown \(number)")
            case .inProgress: say("busy \(number)")
            }
        } catch {
            say("error \(error)")
        }
    }

    private static func say(_ text: String) { line(text, to: 1) }

    /// One call of the system: lines of several tasks and processes do not mix.
    private static func line(_ text: String, to file: Int32) {
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }
}
#else
@main
struct StoreWorker {
    static func main() {}
}
#endif
