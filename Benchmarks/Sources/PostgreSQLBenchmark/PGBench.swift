#if PostgreSQL
import Foundation

/// The vendor's own benchmark, `pgbench`, with scripts that do what a store has to do.
struct PGBench {
    struct Failed: Error {
        let output: String
    }

    /// Claims a new key and finishes it: two statements that commit by themselves.
    static let execution = """
        \\set key random(1, 9000000000000000000)
        INSERT INTO raw VALUES ('charge', '00000000-0000-4000-' || :key, 1, 1, decode(repeat('07', 90), 'hex')) ON CONFLICT DO NOTHING;
        UPDATE raw SET version = 2, expires_at = 2, record = decode(repeat('07', 190), 'hex') WHERE scope = 'charge' AND key = '00000000-0000-4000-' || :key AND version = 1;
        """

    /// Reads a key that is there.
    static let replay = """
        \\set key random(1, 20000)
        SELECT version, expires_at, record FROM raw WHERE scope = 'charge' AND key = 'replay-0000-4000-8000-00000' || :key;
        """

    let connection: String
    let folder: String

    /// Runs a script so often over so many connections. Returns how often it was run a second.
    ///
    /// Not for a span of time: that ends by a signal, which the process would inherit blocked.
    func rate(_ script: String, connections: Int, count: Int) throws -> Double {
        let file = "\(folder)/script.sql"
        try script.write(toFile: file, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "pgbench", "--no-vacuum", "--protocol=prepared", "--client=\(connections)", "--jobs=2",
            "--transactions=\(count / connections)",
            "--file=\(file)", connection,
        ]
        var environment = ProcessInfo.processInfo.environment
        let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        let debian = folders.sorted().map { "/usr/lib/postgresql/\($0)/bin" }
        environment["PATH"] = ([environment["PATH"] ?? ""] + debian).joined(separator: ":")
        process.environment = environment
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        let line = output.split(separator: "\n").first { $0.hasPrefix("tps = ") }
        guard let line, let rate = Double(line.dropFirst(6).prefix { $0 != " " }) else { throw Failed(output: output) }
        return rate
    }
}
#endif
