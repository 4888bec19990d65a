#if SQLite
import Foundation
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import LedgerHarness
import Testing

/// Processes in transactional mode that are killed: the effect is in the database, exactly once for each key.
///
/// `IDEMPOTENCY_CRASH_KILLS` makes the run longer: so many kills at each point, and four times as many at random.
@Suite("Processes in transactional mode that are killed", .serialized, .timeLimit(.minutes(60)))
struct SQLiteTransactionCrashTests {
    private let folder = TemporaryFolder()

    private func open() async throws -> (SQLiteIdempotencyStore, LedgerBooks) {
        let store = try await SQLiteIdempotencyStore(path: folder.path("ledger.db"))
        let books = LedgerBooks(store)
        try await books.make()
        return (store, books)
    }

    @Test(
        "Killed at each point and at random: each key's effect is there once, and every acknowledged result",
        arguments: ["sqlite", "sqlite-thread"]
    )
    func kills(_ form: String) async throws {
        let (store, books) = try await open()
        let kills = ProcessInfo.processInfo.environment["IDEMPOTENCY_CRASH_KILLS"].flatMap { Int($0) } ?? 5
        let run = LedgerCrashRun("\(form):\(folder.path("ledger.db"))", keysPerRound: 450, folder: folder.path("."))
        let report = try await run.kill(atEachPoint: kills, atRandom: 4 * kills)
        print(
            "\(form): keys \(report.keys), answered \(report.answers.count), open executions at each kill \(report.open)"
        )
        print("\(form): calls repeated \(report.repetitions), kills too late \(report.late)")

        #expect(report.errors.isEmpty, "\(report.errors.prefix(3))")
        #expect(report.medianOpen > 0, "nothing was under way when the processes were killed")
        for point in LedgerCrashRun.points { #expect(report.open[point]?.count ?? 0 >= kills, "\(point)") }
        #expect(report.open["random"]?.count ?? 0 >= 4 * kills)
        #expect(report.answers.count == report.keys)
        #expect(try await books.keysNotOnce(among: report.keys).isEmpty)
        #expect(try await books.balance() == 0)
        let interceptor = IdempotencyInterceptor(store: store)
        for (number, answers) in report.answers {
            let key = try IdempotencyKey(operation: "transfer", value: "k-\(number)")
            let kept = try await interceptor.outcome(key: key) { _ in "lost" }
            #expect(kept.isReplay)
            #expect(try answers == [kept.get()])
        }
    }

    @Test(
        "Runs that lose their keys and go on: no effect twice; without the check on the version there are",
        arguments: [false, true]
    )
    func zombies(isBroken: Bool) async throws {
        let (_, books) = try await open()
        let run = LedgerCrashRun("sqlite:\(folder.path("ledger.db"))", keysPerRound: 0, folder: folder.path("."))
        let report = try await run.raceZombies(400, isBroken: isBroken)
        let wrong = try await books.keysNotOnce(among: 400)
        print("sqlite, broken \(isBroken): calls repeated \(report.repetitions), keys not once \(wrong.count)")
        #expect(report.errors.isEmpty, "\(report.errors.prefix(3))")
        #expect(isBroken ? !wrong.isEmpty : wrong.isEmpty)
        if !isBroken { #expect(report.repetitions["leaseLost", default: 0] > 0, "no run has lost its key") }
    }
}
#endif
