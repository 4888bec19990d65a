#if PostgreSQL
import Foundation
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import LedgerHarness
import Testing

/// Processes in transactional mode that are killed, and a server that is: the effect is in the database, exactly once for
/// each key.
///
/// `IDEMPOTENCY_CRASH_KILLS` makes the run longer: so many kills at each point, and four times as many at random.
@Suite("PostgreSQL: processes in transactional mode that are killed", .serialized, .timeLimit(.minutes(60)))
struct PostgreSQLTransactionCrashTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("idempotency-\(UUID())").path
    private let server: OwnServer

    init() throws {
        server = try OwnServer()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func open() async throws -> (PostgreSQLIdempotencyStore, LedgerBooks) {
        let store = try await PostgreSQLIdempotencyStore(server.connectionString, options: .patient)
        let books = LedgerBooks(store)
        try await books.make()
        return (store, books)
    }

    private func run(keysPerRound: Int) -> LedgerCrashRun {
        LedgerCrashRun("postgresql:\(server.connectionString)", keysPerRound: keysPerRound, folder: folder)
    }

    /// Each key's effect is there once, and every acknowledged result.
    private func check(
        _ report: LedgerCrashRun.Report,
        _ books: LedgerBooks,
        _ store: PostgreSQLIdempotencyStore
    ) async throws {
        print("PostgreSQL: keys \(report.keys), answered \(report.answers.count), open executions \(report.open)")
        print("PostgreSQL: calls repeated \(report.repetitions), kills too late \(report.late)")
        #expect(report.errors.isEmpty, "\(report.errors.prefix(3))")
        #expect(report.medianOpen > 0, "nothing was under way at the kills")
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
        "Scenario 38: killed at each point and at random: each key's effect is there once, and every acknowledged result"
    )
    func kills() async throws {
        let (store, books) = try await open()
        let kills = ProcessInfo.processInfo.environment["IDEMPOTENCY_CRASH_KILLS"].flatMap { Int($0) } ?? 5
        let report = try await run(keysPerRound: 450).kill(atEachPoint: kills, atRandom: 4 * kills)
        for point in LedgerCrashRun.points { #expect(report.open[point]?.count ?? 0 >= kills, "\(point)") }
        #expect(report.open["random"]?.count ?? 0 >= 4 * kills)
        try await check(report, books, store)
    }

    @Test("Scenario 33: the server is killed under load and started again: nothing is lost, and nothing happens twice")
    func serverKilled() async throws {
        let (store, books) = try await open()
        let report = try await run(keysPerRound: 0).load(12_000) { openNow in
            var open: [Int] = []
            for number in 0..<6 {
                try await Task.sleep(for: .milliseconds(300 + 100 * number))
                open.append(openNow())
                try server.control("crash")
                try await Task.sleep(for: .milliseconds(200))
                try server.control("resume")
            }
            return open
        }
        try await check(report, books, store)
        #expect(!report.repetitions.isEmpty, "no call has met the dead server")
    }

    @Test(
        "Scenario 38b: runs that lose their keys and go on: no effect twice; without the check on the version there are",
        arguments: [false, true]
    )
    func zombies(isBroken: Bool) async throws {
        let (_, books) = try await open()
        let report = try await run(keysPerRound: 0).raceZombies(400, isBroken: isBroken)
        let wrong = try await books.keysNotOnce(among: 400)
        print("PostgreSQL, broken \(isBroken): repeated \(report.repetitions), keys not once \(wrong.count)")
        #expect(report.errors.isEmpty, "\(report.errors.prefix(3))")
        #expect(isBroken ? !wrong.isEmpty : wrong.isEmpty)
        if !isBroken { #expect(report.repetitions["leaseLost", default: 0] > 0, "no run has lost its key") }
    }
}
#endif
