#if PostgreSQL
import CPostgreSQL
import Foundation
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import Testing

/// The server that the test script has started.
enum Server {
    struct Missing: Error, CustomStringConvertible {
        let description =
            "IDEMPOTENCY_POSTGRESQL is not set. Start a server: eval \"$(Scripts/postgresql-server start)\"; export IDEMPOTENCY_POSTGRESQL"
    }

    static var connectionString: String {
        get throws {
            guard let text = ProcessInfo.processInfo.environment["IDEMPOTENCY_POSTGRESQL"] else { throw Missing() }
            return text
        }
    }

    /// A table's name that no other test has.
    static func freshTable() throws -> SQLTable { try SQLTable(freshName("t")) }

    static func freshName(_ prefix: String) -> String { "\(prefix)_\(UInt64.random(in: 0 ... .max))" }
}

/// What another program would do with the database. To be used by one test alone.
final class RawConnection {
    private let handle: OpaquePointer?

    init(_ connectionString: String) throws {
        handle = PQconnectdb(connectionString)
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        try #require(PQstatus(handle) == CONNECTION_OK, "\(String(cString: PQerrorMessage(handle)))")
    }

    convenience init() throws { try self.init(Server.connectionString) }

    deinit { PQfinish(handle) }

    /// Runs statements. Returns the rows of the last one.
    @discardableResult
    func run(_ sql: String) throws -> [[String]] {
        let result = PQexec(handle, sql)
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        try #require(
            status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK,
            "\(String(cString: PQresultErrorMessage(result)))"
        )
        return (0..<PQntuples(result)).map { row in
            (0..<PQnfields(result)).map { String(cString: PQgetvalue(result, row, $0)) }
        }
    }

    /// How many notifications came since the last time.
    func notifications() throws -> Int {
        // Whatever was sent before the answer to this has come before it.
        try run("SELECT 1")
        var count = 0
        while let notification = PQnotifies(handle) {
            count += 1
            PQfreemem(notification)
        }
        return count
    }
}

/// A server of a test's own, which may be treated badly.
final class OwnServer: Sendable {
    let connectionString: String
    private let folder: String

    init() throws {
        let lines = try Self.script("start").split(separator: "\n")
        func value(_ name: String) -> String? {
            let line = lines.first { $0.hasPrefix(name + "=") }
            return line.map { String($0.dropFirst(name.count + 2).dropLast()) }
        }
        folder = try #require(value("postgresql_folder"))
        connectionString = try #require(value("IDEMPOTENCY_POSTGRESQL"))
    }

    deinit { _ = try? Self.script("stop", folder) }

    /// `crash`, `resume`, `pause` or `continue`.
    func control(_ command: String) throws { _ = try Self.script(command, folder) }

    private static func script(_ arguments: String...) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appendingPathComponent("Scripts/postgresql-server")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "Scripts/postgresql-server \(arguments[0]) failed")
        return String(decoding: data, as: UTF8.self)
    }
}

/// What a call throws.
func refusal(_ body: () async throws -> Void) async -> IdempotencyError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? IdempotencyError
    }
}
#endif
