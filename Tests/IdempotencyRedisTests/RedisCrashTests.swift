#if Redis
import Foundation
import Idempotency
import IdempotencyRedis
import LedgerHarness
import ServerHarness
import Testing

/// Processes that are killed, and a server that is: what was acknowledged is there, and nothing else is ever answered.
///
/// `IDEMPOTENCY_CRASH_KILLS` makes the run longer: so many kills at each point, and four times as many at random.
@Suite("Redis: processes that are killed", .serialized, .timeLimit(.minutes(60)))
struct RedisCrashTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("idempotency-\(UUID())").path
    private let server: OwnServer

    init() throws {
        // Each write is flushed before it is acknowledged: on a busy disk the server may hold others back for seconds.
        server = try OwnServer("--appendfsync", "always")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func run(keysPerRound: Int) -> LedgerCrashRun {
        LedgerCrashRun("redis:\(folder)/ledger:\(server.address)", keysPerRound: keysPerRound, folder: folder)
    }

    /// The tokens of the runs that took effect, by key, in the order in which they did.
    private func ledger() throws -> [Int: [UInt64]] {
        var tokens: [Int: [UInt64]] = [:]
        for line in try String(contentsOfFile: "\(folder)/ledger", encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ")
            tokens[try #require(Int(words[0])), default: []].append(try #require(UInt64(words[1])))
        }
        return tokens
    }

    /// Every key has one answer, that of a run which took effect; and each acknowledged one is kept.
    private func check(_ report: LedgerCrashRun.Report) async throws {
        let effects = try ledger()
        let again = effects.values.reduce(0) { $0 + $1.count - 1 }
        print("Redis: keys \(report.keys), answered \(report.answers.count), open executions \(report.open)")
        print("Redis: calls repeated \(report.repetitions), kills too late \(report.late), effects again \(again)")
        #expect(report.errors.isEmpty, "\(report.errors.prefix(3))")
        #expect(report.medianOpen > 0, "nothing was under way at the kills")
        #expect(report.answers.count == report.keys)
        #expect(effects.count == report.keys)
        // Tokens of a key are never handed out twice.
        #expect(effects.values.allSatisfy { Set($0).count == $0.count })
        let client = try HiredisClient(server.address)
        let store = try await RedisIdempotencyStore(client: client)
        let interceptor = IdempotencyInterceptor(store: store)
        var wrong: [Int] = []
        for (number, answers) in report.answers {
            let key = try IdempotencyKey(operation: "transfer", value: "k-\(number)")
            let kept = try await interceptor.outcome(key: key) { _ in "lost" }
            let isOfARun = try effects[number, default: []].contains { "\(number) by \($0)" == (try kept.get()) }
            if try !kept.isReplay || answers != [kept.get()] || !isOfARun { wrong.append(number) }
        }
        #expect(wrong.isEmpty, "\(wrong.count) answers are lost, or others than were acknowledged: \(wrong.prefix(3))")
        store.close()
        await client.close()
    }

    @Test("Killed at each point and at random: every key is answered, in one way, and every answer is kept")
    func kills() async throws {
        let kills = ProcessInfo.processInfo.environment["IDEMPOTENCY_CRASH_KILLS"].flatMap { Int($0) } ?? 5
        let report = try await run(keysPerRound: 450).kill(atEachPoint: kills, atRandom: 4 * kills)
        for point in LedgerCrashRun.points { #expect(report.open[point]?.count ?? 0 >= kills, "\(point)") }
        #expect(report.open["random"]?.count ?? 0 >= 4 * kills)
        try await check(report)
    }

    @Test("Scenario 33: the server is killed, and stopped, under load: nothing acknowledged is lost")
    func serverKilled() async throws {
        let report = try await run(keysPerRound: 0).load(20_000) { openNow in
            var open: [Int] = []
            for number in 0..<6 {
                try await Task.sleep(for: .milliseconds(300 + 100 * number))
                open.append(openNow())
                if number.isMultiple(of: 3) {
                    try server.control("pause")
                    try await Task.sleep(for: .milliseconds(700))
                    try server.control("continue")
                } else {
                    try server.control("crash")
                    try await Task.sleep(for: .milliseconds(200))
                    try server.control("resume")
                }
            }
            return open
        }
        try await check(report)
        #expect(!report.repetitions.isEmpty, "no call has met the dead server")
    }

    @Test(
        "A process that stands still for longer than its leases: its keys go on elsewhere, and are answered in one way"
    )
    func processStopped() async throws {
        let report = try await run(keysPerRound: 0).stopOne(20_000, for: .milliseconds(1500))
        try await check(report)
    }
}
#endif
