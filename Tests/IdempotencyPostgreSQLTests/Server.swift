#if PostgreSQL
import Foundation
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL

/// The server that the test script has started.
enum Server {
    struct Missing: Error, CustomStringConvertible {
        let description =
            "IDEMPOTENCY_POSTGRESQL is not set. Start a server with: eval \"$(Scripts/postgresql-server start)\"; export IDEMPOTENCY_POSTGRESQL"
    }

    static var connectionString: String {
        get throws {
            guard let text = ProcessInfo.processInfo.environment["IDEMPOTENCY_POSTGRESQL"] else { throw Missing() }
            return text
        }
    }

    /// A table's name that no other test has.
    static func freshTable() throws -> SQLTable { try SQLTable("t_\(UInt64.random(in: 0 ... .max))") }
}
#endif
