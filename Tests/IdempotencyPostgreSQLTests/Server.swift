#if PostgreSQL
import CPostgreSQL
import Foundation
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import ServerHarness
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

extension PostgreSQLOptions {
    /// For tests that are not about limits in time: a slow machine meets none.
    static var patient: PostgreSQLOptions {
        var options = PostgreSQLOptions()
        options.connectTimeout = .seconds(60)
        options.statementTimeout = .seconds(30)
        options.lockTimeout = .seconds(29)
        return options
    }
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

    private static let script = ServerScript("postgresql-server")

    init() throws {
        let values = try Self.script.run(["start"])
        folder = try #require(values["postgresql_folder"])
        connectionString = try #require(values["IDEMPOTENCY_POSTGRESQL"])
    }

    deinit { _ = try? Self.script.run(["stop", folder]) }

    /// A connection string that names several servers, in order.
    static func addresses(_ servers: [OwnServer]) throws -> String {
        let words = servers.map { $0.connectionString.split(separator: " ") }
        func values(_ name: String) -> String {
            words.map { $0.first { $0.hasPrefix("\(name)=") }?.dropFirst(name.count + 1) ?? "" }.joined(separator: ",")
        }
        let others = words[0].filter { !$0.hasPrefix("host=") && !$0.hasPrefix("port=") }
        return (["host=\(values("host"))", "port=\(values("port"))"] + others).joined(separator: " ")
    }

    /// `crash`, `resume`, `pause` or `continue`.
    func control(_ command: String) throws { try Self.script.run([command, folder]) }
}

extension CuttingProxy {
    /// In front of a server.
    ///
    /// - Parameter connectionString: The server's, with `port=…` in it.
    /// - Returns: The proxy, and its own connection string.
    static func inFrontOf(_ connectionString: String) throws -> (CuttingProxy, connectionString: String) {
        let words = connectionString.split(separator: " ")
        let port = try #require(words.first { $0.hasPrefix("port=") })
        let proxy = CuttingProxy(to: try #require(UInt16(port.dropFirst(5))))
        return (proxy, words.map { $0 == port ? "port=\(proxy.port)" : String($0) }.joined(separator: " "))
    }
}
#endif
