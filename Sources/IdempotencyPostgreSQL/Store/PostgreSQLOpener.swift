#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// Opens the store's connections, and looks whether their server is one that a store may use.
@available(Idempotency 0.1, *)
final class PostgreSQLOpener: Sendable {
    let target: PostgreSQLTarget
    let options: PostgreSQLOptions
    private let found = Mutex<[String]>([])

    init(_ target: PostgreSQLTarget, _ options: PostgreSQLOptions) {
        self.target = target
        self.options = options
    }

    /// What is unsafe about the servers that were connected to.
    var warnings: [String] { found.withLock { $0 } }

    /// By when a statement that is sent now is answered, or given up.
    var statementDeadline: CallDeadline { CallDeadline(in: options.statementTimeout + .seconds(1)) }

    /// What a session of the store's own is set to; or a transaction, where sessions have no settings.
    ///
    /// The plan is the one that takes a row by its key, also on a table that was empty when the plan was made.
    func settings(forTransaction: Bool) -> PostgreSQLConnection.Command {
        var settings = [
            ("statement_timeout", "\(options.statementTimeout.nanoseconds / 1_000_000)"),
            ("lock_timeout", "\(options.lockTimeout.nanoseconds / 1_000_000)"),
        ]
        for plan in ["hashjoin", "mergejoin", "seqscan", "bitmapscan", "material", "memoize"] {
            settings.append(("enable_\(plan)", "off"))
        }
        settings += [("jit", "off"), ("plan_cache_mode", "force_generic_plan")]
        if !forTransaction {
            settings += [
                ("default_transaction_isolation", "read committed"), ("idle_in_transaction_session_timeout", "60000"),
            ]
        }
        // A setting that this version does not have (enable_memoize before 14) is left out.
        let list = settings.map { "('\($0.0)', '\($0.1)')" }.joined(separator: ", ")
        return .init(
            sql: """
                SELECT set_config(s.name, s.value, \(forTransaction)) FROM (VALUES \(list)) AS s (name, value)
                WHERE current_setting(s.name, true) IS NOT NULL
                """
        )
    }

    /// Opens a connection for the store's own calls.
    func openForCalls() throws -> PostgreSQLConnection {
        let deadline = CallDeadline(in: options.connectTimeout)
        let connection = try open(by: deadline)
        if options.preparesStatements {
            var settings = settings(forTransaction: false)
            settings.isKept = false
            _ = try connection.ask(settings, by: deadline)
        }
        return connection
    }

    /// Opens a connection.
    func open(by deadline: CallDeadline) throws -> PostgreSQLConnection {
        let connection = try PostgreSQLConnection(
            target,
            preparesStatements: options.preparesStatements,
            by: deadline
        )
        guard connection.serverVersion >= 130_000 else {
            throw PostgreSQLErrors.unusable(
                "The server is PostgreSQL \(connection.serverVersion / 10_000); the store needs 13 or later."
            )
        }
        let encoding = connection.serverParameter("server_encoding") ?? ""
        guard encoding == "UTF8" else {
            throw PostgreSQLErrors.unusable(
                "The database's encoding is \(encoding), which has not every character that a key may have. Make one with "
                    + "ENCODING 'UTF8'."
            )
        }
        try look(at: connection, by: deadline)
        return connection
    }

    private func look(at connection: PostgreSQLConnection, by deadline: CallDeadline) throws {
        let rows = try connection.ask(
            .init(
                sql: """
                    SELECT pg_is_in_recovery()::text, current_setting('synchronous_commit'), current_setting('fsync'),
                        current_setting('full_page_writes'), current_setting('default_transaction_isolation')
                    """,
                isKept: false
            ),
            by: deadline
        )
        if rows.text(0, 0) == "true" {
            throw PostgreSQLFailure(code: "25006", message: "the server is a replica")
        }
        if !options.preparesStatements, rows.text(0, 4) != "read committed" {
            throw PostgreSQLErrors.unusable(
                "Without prepared statements a session's settings are not changed, and default_transaction_isolation is "
                    + "'\(rows.text(0, 4) ?? "")'. Set it to 'read committed' for the role."
            )
        }
        let losses = [
            "the last commits that it has acknowledged", "commits, or the whole database, with the power",
            "pages that were being written, with the power",
        ]
        var warnings: [String] = []
        for (index, name) in ["synchronous_commit", "fsync", "full_page_writes"].enumerated() {
            guard rows.text(0, Int32(index + 1)) == "off" else { continue }
            warnings.append("\(name) is off: a crash may lose \(losses[index]), and a retry then runs again.")
        }
        if warnings.isEmpty { return }
        switch options.unsafeServer {
        case .refuse:
            throw PostgreSQLErrors.unusable(
                "The server does not keep what it acknowledges: \(warnings.joined(separator: " ")) Set it to 'on', or accept that "
                    + "with unsafeServer."
            )
        case .accept:
            found.withLock { known in known += warnings.filter { !known.contains($0) } }
        }
    }
}
#endif
