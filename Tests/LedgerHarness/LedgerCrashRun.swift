import Foundation
import Idempotency
import IdempotencySQL

/// Rounds of two processes that transfer the same keys: one of them is killed, the other goes on, and takes over what the
/// first has left.
@available(Idempotency 0.1, *)
public struct LedgerCrashRun: Sendable {
    /// Where a process kills itself; see `LedgerWorker`.
    public static let points = ["claimed", "begun", "written", "finishing", "committed"]

    /// The store, as `LedgerWorker` takes it.
    public let address: String
    /// How many keys a round has.
    public let keysPerRound: Int
    private let witness: LedgerWitness

    /// - Parameter folder: Where the witness writes its log.
    public init(_ address: String, keysPerRound: Int, folder: String) {
        self.address = address
        self.keysPerRound = keysPerRound
        witness = LedgerWitness(log: folder + "/answers.log")
    }

    /// What came of it.
    public struct Report: Sendable {
        /// The open executions at each kill, by where it was.
        public var open: [String: [Int]] = [:]
        /// The kills that came too late, by where they were to be.
        public var late: [String] = []
        /// All keys.
        public var keys = 0
        /// The answers that callers have got, by key.
        public var answers: [Int: Set<String>] = [:]
        /// What went wrong.
        public var errors: Set<String> = []
        /// How often a call had to be repeated, by reason.
        public var repetitions: [String: Int] = [:]

        /// The median of the open executions at the kills.
        public var medianOpen: Int {
            let all = open.values.joined().sorted()
            return all.isEmpty ? 0 : all[all.count / 2]
        }
    }

    /// Kills at each point, and at random moments.
    ///
    /// A kill comes too late if the process has ended before: on a busy machine the other process may run most of the keys.
    /// Such rounds count like all others, and their kills are made again with other keys, several times if need be.
    ///
    /// - Parameters:
    ///   - count: How many kills there are at each point.
    ///   - random: How many there are at random moments.
    public func kill(atEachPoint count: Int, atRandom random: Int) async throws -> Report {
        var result = Report()
        var fates =
            Self.points.flatMap { point in (0..<count).map { _ in point } } + Array(repeating: "random", count: random)
        for _ in 0..<10 where !fates.isEmpty {
            let late = try await kill(fates, firstRound: result.keys / keysPerRound, &result)
            result.keys += fates.count * keysPerRound
            result.late += late
            fates = late
        }
        result.answers = witness.answers
        result.errors = witness.errors
        result.repetitions = witness.repetitions
        return result
    }

    /// A round for each fate. Returns those whose kills came too late.
    private func kill(_ fates: [String], firstRound: Int, _ result: inout Report) async throws -> [String] {
        var late: [String] = []
        // Several at a time: most of a round is waiting for the end of a dead process's lease.
        let lanes = 3
        try await withThrowingTaskGroup(of: [(String, isKilled: Bool, open: Int)].self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    var ends: [(String, isKilled: Bool, open: Int)] = []
                    for round in stride(from: lane, to: fates.count, by: lanes) {
                        let (isKilled, open) = try await self.round(firstRound + round, fates[round])
                        ends.append((fates[round], isKilled, open))
                    }
                    return ends
                }
            }
            for try await ends in group {
                for (fate, isKilled, open) in ends {
                    if isKilled { result.open[fate, default: []].append(open) } else { late.append(fate) }
                }
            }
        }
        return late
    }

    private func round(_ round: Int, _ fate: String) async throws -> (isKilled: Bool, open: Int) {
        var random = SystemRandomNumberGenerator()
        let first = round * keysPerRound + 1
        let keys = ["\(first)", "\(first + keysPerRound - 1)"]
        let flags = fate == "random" ? [] : ["\(fate):\(Int.random(in: 3...keysPerRound / 5, using: &random))"]
        let victim = try start(2 * round, keys, seed: 0, flags)
        let heir = try start(2 * round + 1, keys, seed: 1, [])
        if fate == "random" {
            await victim.untilBegun()
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...40, using: &random)))
            victim.die()
        }
        let end = await victim.end()
        _ = await heir.end()
        return end
    }

    private func start(_ number: Int, _ keys: [String], seed: Int, _ flags: [String]) throws -> LedgerProcess {
        try LedgerProcess(number, [address] + keys + ["\(seed)", "16", "500"] + flags, heardBy: witness)
    }

    /// Has processes run keys, each its own and those of another one, while something happens to the server.
    ///
    /// - Parameters:
    ///   - keys: How many keys there are.
    ///   - disturb: What happens. Returns how many handlers were under way each time.
    public func load(_ keys: Int, while disturb: (_ openNow: () -> Int) async throws -> [Int]) async throws -> Report {
        let workers = try (0..<3).map { number in
            try LedgerProcess(number, [address, "1", "\(keys)", "\(number)", "16", "2000"], heardBy: witness)
        }
        for worker in workers { await worker.untilBegun() }
        let open = try await disturb { witness.openNow }
        for worker in workers { _ = await worker.end() }
        var report = Report()
        report.keys = keys
        report.open = ["server": open]
        report.answers = witness.answers
        report.errors = witness.errors
        report.repetitions = witness.repetitions
        return report
    }

    /// Has processes run keys, each its own and those of another one, while one of them is stopped again and again.
    ///
    /// - Parameters:
    ///   - keys: How many keys there are.
    ///   - span: For how long it is stopped; longer than the leases, which are half a second.
    public func stopOne(_ keys: Int, for span: Duration) async throws -> Report {
        let workers = try (0..<2).map { number in
            try LedgerProcess(number, [address, "1", "\(keys)", "\(number)", "16", "500"], heardBy: witness)
        }
        for worker in workers { await worker.untilBegun() }
        var open: [Int] = []
        for _ in 0..<3 {
            try await Task.sleep(for: .milliseconds(200))
            open.append(witness.openNow)
            workers[0].stop()
            try await Task.sleep(for: span)
            workers[0].goOn()
        }
        for worker in workers { _ = await worker.end() }
        var report = Report()
        report.keys = keys
        report.open = ["stopped": open]
        report.answers = witness.answers
        report.errors = witness.errors
        report.repetitions = witness.repetitions
        return report
    }

    /// Has processes whose handlers outlive their leases race for the same keys, until all are done.
    public func raceZombies(_ keys: Int, isBroken: Bool) async throws -> Report {
        let flags = ["zombies"] + (isBroken ? ["broken"] : [])
        let workers = try (0..<3).map { number in
            try LedgerProcess(
                number,
                [address, "1", "\(keys)", "\(number)", "16", "100"] + flags,
                heardBy: witness
            )
        }
        for worker in workers { _ = await worker.end() }
        var report = Report()
        report.keys = keys
        report.answers = witness.answers
        report.errors = witness.errors
        report.repetitions = witness.repetitions
        return report
    }
}
