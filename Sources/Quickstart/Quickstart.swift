import Idempotency
import IdempotencyInMemory

/// Charges each purchase once, although clients click twice, time out, retry and mix up their keys.
///
/// What the library does is in ``protectedRun(_:)``; everything else is the load, and the check of what came out.
@main
@available(Idempotency 0.1, *)
struct Quickstart {
    static let usage = """
        usage: swift run Quickstart [FILE]
               swift run --traits SQLite Quickstart --store sqlite:DATABASE [FILE]

        Without a file: runs 10,000 requests of 500 clients against a payment handler,
        once protected against duplicates and once not, and compares.

        With a file: does the same for its requests, one JSON object a line:
          {"key": "...", "user": "...", "amount": 123}
        A key counts for its user; the amount is in cents. Lines that are no requests
        are reported to standard error and left out.

        With --store: keeps records and charges in a database file, each charge and its
        record in one transaction. Kill it and start it again: it goes on where it was.

        Exit code: 0 if the protected run made no wrong charge and met no unexpected
        error, 1 if it did, 2 if the arguments or the file cannot be used.
        """

    static func main() async throws {
        var arguments = CommandLine.arguments.dropFirst()
        if arguments.contains("--help") || arguments.contains("-h") {
            Terminal.show(usage)
            return
        }
        var database: String?
        if arguments.first == "--store", arguments.count >= 2 {
            let address = arguments[arguments.startIndex + 1]
            guard address.hasPrefix("sqlite:"), address.count > "sqlite:".count else {
                Terminal.complain("The store is given as sqlite:DATABASE, where DATABASE is a file.")
                Terminal.end(2)
            }
            database = String(address.dropFirst("sqlite:".count))
            arguments = arguments.dropFirst(2)
        }
        guard arguments.count <= 1, arguments.first?.hasPrefix("-") != true else {
            Terminal.complain(usage)
            Terminal.end(2)
        }
        guard let load = try arguments.first.map(load(from:)) ?? generatedLoad() else { return }
        if let database { return await runOnDisk(load, database) }
        let delay = Int(Bank.delay / .milliseconds(1))
        Terminal.show("A charge takes the bank \(delay) ms. Records of requests are kept in memory.\n")

        Terminal.show("Protected run:")
        let protected = await protectedRun(load)
        Terminal.show("Unprotected run, same requests:")
        let unprotected = await unprotectedRun(load)
        Terminal.show("\n" + Report.table(protected: protected, unprotected: unprotected) + "\n")
        conclude(protected, unprotected)
    }

    /// The handler behind the library.
    private static func protectedRun(_ load: Load) async -> Report {
        let bank = Bank()
        let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
        let run = LoadRun(load) { request in
            // The first call with a key runs the closure; the others wait for its result and get the same receipt.
            // In a task of its own, the charge goes on when the client goes away, and the retry finds its result.
            try await interceptor.outcome(key: request.key, fingerprint: request.fingerprint, task: .own) { _ in
                try await bank.charge(request)
            }
        }
        let time = await ContinuousClock().measure { await run.run() }
        await interceptor.shutdown(within: .seconds(10))
        return await Report(run, load, bank, time: time)
    }

    /// The same with a bank and records on disk, of which a kill leaves nothing half done.
    private static func runOnDisk(_ load: Load, _ path: String) async {
        #if SQLite
        do {
            let bank = try await DurableBank(path: path)
            let before = try await bank.charges().count
            Terminal.show(
                "Records and charges are kept in '\(path)'. Charged by earlier runs: \(Report.grouped(before))."
            )
            let run = LoadRun(load) { request in try await bank.charge(request) }
            await run.run()
            let acknowledged = await run.acknowledged
            let (wrong, charges) = try await bank.check(acknowledged)
            let errors = await run.errors
            for (error, count) in errors { Terminal.complain("\(count) requests ended with: \(error)") }
            Terminal.show(
                """

                Charges in the file: \(Report.grouped(charges)), for \(Report.grouped(load.keyCount)) keys. \
                Replays: \(Report.grouped(await run.replayed)). Wrong charges: \(Report.grouped(wrong)).
                """
            )
            if wrong > 0 || !errors.isEmpty { Terminal.end(1) }
        } catch {
            Terminal.complain("\(error)")
            Terminal.end(2)
        }
        #else
        Terminal.complain("This build has no SQLite; use: swift run --traits SQLite Quickstart --store sqlite:\(path)")
        Terminal.end(2)
        #endif
    }

    /// The same handler alone.
    private static func unprotectedRun(_ load: Load) async -> Report {
        let bank = Bank()
        let run = LoadRun(load) { request in .ran(try await bank.charge(request)) }
        let time = await ContinuousClock().measure { await run.run() }
        return await Report(run, load, bank, time: time)
    }

    private static func generatedLoad() throws -> Load {
        let load = try Load.generated()
        Terminal.show(
            """
            \(Load.clientCount) clients send \(Report.grouped(load.requestCount)) requests for \
            \(Report.grouped(load.keyCount)) purchases. Each purchase has a key of its own.
            \(Load.generatedSteps)
            """
        )
        return load
    }

    /// `nil`: the file has no requests.
    private static func load(from path: String) -> Load? {
        let file: RequestFile
        do {
            file = try RequestFile(path: path)
        } catch {
            Terminal.complain("Cannot read the file '\(path)': \(error.reason)")
            Terminal.end(2)
        }
        for line in file.badLines { Terminal.complain("line \(line.number): \(line.reason)") }
        guard !file.requests.isEmpty else {
            Terminal.show("The file '\(path)' has no requests; nothing to do.")
            return nil
        }
        let load = Load(replaying: file.requests)
        Terminal.show(
            """
            Requests in '\(path)': \(Report.grouped(load.requestCount)). \
            Distinct keys: \(Report.grouped(load.keyCount)). \
            Bad lines left out: \(Report.grouped(file.badLines.count)).
            \(Load.clientCount) clients send them, all at the same time.
            """
        )
        return load
    }

    private static func conclude(_ protected: Report, _ unprotected: Report) {
        for (error, count) in protected.errors.sorted(by: { $0.key < $1.key }) {
            Terminal.complain("Protected run, \(count) requests ended with: \(error)")
        }
        if unprotected.wrongCharges > 0 {
            Terminal.show("Unprotected, the bank took \(Report.grouped(unprotected.money)) cents that nobody owed.")
        }
        guard protected.wrongCharges == 0, protected.errorCount == 0 else {
            Terminal.complain("FAILED: the protected run has wrong charges or unexpected errors; see above.")
            Terminal.end(1)
        }
        Terminal.show("Protected, each key was charged once, and a retry got the first receipt: a replay.")
    }
}
