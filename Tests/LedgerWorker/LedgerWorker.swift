#if SQLite || PostgreSQL || Redis
import Foundation
import Idempotency
import IdempotencySQL

/// A process of a service that transfers money in transactional mode, for tests that kill it.
///
/// `LedgerWorker <store> <first key> <last key> <seed> <tasks> <lease in milliseconds> [<point>:<n>] [zombies] [broken]`
///
/// The store is `sqlite:<file>`, `sqlite-thread:<file>` (handlers on the store's thread), `postgresql:<connection>` or
/// `redis:<ledger file>:<address>`, which has no transactions. On
/// standard output it says `begin <key>` when a handler is entered, `ack <key> <result>` when a caller has its answer, `error
/// <text>` and at the end `done`. At the n-th time that it comes to a ``Point`` it kills itself. With `zombies` a handler
/// outlives its lease now and then; with `broken` a transaction is committed whoever has the key by then.
@main
struct LedgerWorker {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let keys = Int(arguments[2])!...Int(arguments[3])!
        let seed = Int(arguments[4])!
        let flags = arguments.dropFirst(7)
        let fate = Fate(flags.first { $0.contains(":") })
        let lease = Duration.milliseconds(Int(arguments[6])!)
        let policy = try OperationPolicy(
            lease: lease,
            // A zombie's lease is over while it sleeps.
            maximumRunTime: flags.contains("zombies") ? lease : .seconds(3600),
            waitLimit: .seconds(20),
            pollInterval: .milliseconds(50)
        )
        let ledger = try await AnyLedger(
            arguments[1],
            policy: policy,
            fate: fate,
            zombiePause: flags.contains("zombies") ? lease * 3 : nil,
            isBroken: flags.contains("broken")
        )
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<Int(arguments[5])! {
                group.addTask {
                    // Each task goes its own way through the keys of its share, so that processes meet on them.
                    let count = keys.count
                    let tasks = Int(arguments[5])!
                    for step in stride(from: task, to: count, by: tasks) {
                        await run(keys.lowerBound + (step + seed * 104_729) % count, ledger)
                    }
                }
            }
        }
        Voice.say("done")
    }

    private static func run(_ number: Int, _ ledger: AnyLedger) async {
        while true {
            do {
                let result = try await ledger.transfer(number)
                return Voice.say("ack \(number) \(result)")
            } catch let error as IdempotencyError {
                switch error.code {
                // The database is away for a moment, or did not say: the key tells when it is asked again.
                case .storeUnavailable, .resultNotSaved, .leaseLost, .attemptFailed, .inProgress, .contention: break
                default: return Voice.say("error \(error)")
                }
                Voice.say("again \(number) \(error.code)")
                try? await Task.sleep(for: .milliseconds(20))
            } catch let error as SQLError {
                Voice.say("again \(number) sql-\(error.code)")
                try? await Task.sleep(for: .milliseconds(20))
            } catch {
                return Voice.say("error \(error)")
            }
        }
    }
}
#else
@main
struct LedgerWorker {
    static func main() {}
}
#endif
