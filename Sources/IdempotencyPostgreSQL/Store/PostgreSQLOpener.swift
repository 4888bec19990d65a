#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// Opens the store's connections, and looks whether their server is one that a store may use.
@available(Idempotency 0.1, *)
final class PostgreSQLOpener: Sendable {
    let target: PostgreSQLTarget
    let options: PostgreSQLOptions
    private let tableLook: String
    private let state = Mutex(State())

    private struct State {
        var warnings: [String] = []
        var hasSessions = true
        var generation = 0
        /// What the server gives a fresh session.
        var defaults: [String: String] = [:]
    }

    /// - Parameter tableLook: The statement that looks at the tables.
    init(_ target: PostgreSQLTarget, _ options: PostgreSQLOptions, tableLook: String) {
        self.target = target
        self.options = options
        self.tableLook = tableLook
    }

    /// Grows when a server was found to write no more: connections that were opened before may be to that one.
    var generation: Int { state.withLock { $0.generation } }

    func noteReadOnlyServer() { state.withLock { $0.generation += 1 } }

    /// What is unsafe about the servers that were connected to.
    var warnings: [String] { state.withLock { $0.warnings } }

    /// By when a statement that is sent now is answered, or given up.
    var statementDeadline: CallDeadline { CallDeadline(in: options.statementTimeout + .seconds(1)) }

    /// Whether a connection is one session for as long as it is open. Not behind a pooler, as far as can be told; known once one
    /// was opened.
    var hasSessions: Bool { options.preparesStatements ?? state.withLock { $0.hasSessions } }

    /// What the store's own statements rest on, for a session; or for a transaction, where another one may have left settings.
    ///
    /// The plan is the one that takes a row by its key, also on a table that was empty when the plan was made. The last
    /// settings are those that the server gives a fresh session.
    func settings(forTransaction: Bool) -> PostgreSQLConnection.Command {
        // A message waits this long for a row; a call whose row stays locked is tried again until its own time is over.
        let lockWait = min(options.lockTimeout, .milliseconds(20))
        var settings = [
            ("statement_timeout", "\(options.statementTimeout.nanoseconds / 1_000_000)"),
            ("lock_timeout", "\(max(1, lockWait.nanoseconds / 1_000_000))"),
        ]
        for plan in ["hashjoin", "mergejoin", "seqscan", "bitmapscan", "material", "memoize"] {
            settings.append(("enable_\(plan)", "off"))
        }
        settings +=
            [("jit", "off"), ("plan_cache_mode", "force_generic_plan")] + defaults(forTransaction: forTransaction)
        if !forTransaction {
            settings += [
                ("default_transaction_isolation", "read committed"), ("idle_in_transaction_session_timeout", "60000"),
            ]
        }
        return Self.set(settings, forTransaction: forTransaction)
    }

    /// What a handler's transaction rests on, beside its own settings; also at its end, because handlers change settings too.
    func handlerSettings(_ own: [(String, String)]) -> PostgreSQLConnection.Command {
        // Numbers and bytes come as text, and have to come whole.
        var settings = own + [("extra_float_digits", "1"), ("bytea_output", "hex")] + defaults(forTransaction: true)
        let path = state.withLock { $0.defaults["search_path"] }
        if hasSessions, let path { settings.append(("search_path", path)) }
        return Self.set(settings, forTransaction: true)
    }

    /// The settings of a fresh session that others may have changed.
    private func defaults(forTransaction: Bool) -> [(String, String)] {
        let known = state.withLock { $0.defaults }
        var settings: [(String, String)] = []
        // Whether commits last. A server that has it off was refused, or accepted as it is.
        if let commit = known["synchronous_commit"], commit != "off" { settings.append(("synchronous_commit", commit)) }
        if forTransaction, !hasSessions, let path = known["search_path"] { settings.append(("search_path", path)) }
        return settings
    }

    private static func set(_ settings: [(String, String)], forTransaction: Bool) -> PostgreSQLConnection.Command {
        func literal(_ text: String) -> String {
            "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        }
        // A setting that this version does not have (enable_memoize before 14) is left out.
        let list = settings.map { "(\(literal($0.0)), \(literal($0.1)))" }.joined(separator: ", ")
        return .init(
            sql: """
                SELECT set_config(s.name, s.value, \(forTransaction)) FROM (VALUES \(list)) AS s (name, value)
                WHERE current_setting(s.name, true) IS NOT NULL
                """,
            isKept: false
        )
    }

    /// Looks whether a server that is connected to now may be used: settings may have changed since.
    func lookAgain() throws { _ = try open(by: CallDeadline(in: options.connectTimeout)) }

    /// Opens a connection for the store's own calls.
    func openForCalls() throws -> PostgreSQLConnection {
        let deadline = CallDeadline(in: options.connectTimeout)
        let connection = try open(by: deadline)
        let tables = PostgreSQLTableLook(try connection.ask(.init(sql: tableLook, isKept: false), by: deadline))
        try tables.validate()
        if hasSessions { _ = try connection.ask(settings(forTransaction: false), by: deadline) }
        return connection
    }

    /// Opens a connection.
    func open(by deadline: CallDeadline) throws -> PostgreSQLConnection {
        let connection = try PostgreSQLConnection(target, by: deadline)
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
        connection.preparesStatements = hasSessions
        return connection
    }

    private func look(at connection: PostgreSQLConnection, by deadline: CallDeadline) throws {
        let rows = try connection.ask(
            .init(
                sql: """
                    SELECT pg_is_in_recovery()::text, commits.reset_val, current_setting('fsync'),
                        current_setting('full_page_writes'), pg_backend_pid()::text, path.reset_val,
                        reads.reset_val
                    FROM pg_settings AS commits, pg_settings AS path, pg_settings AS reads
                    WHERE commits.name = 'synchronous_commit' AND path.name = 'search_path'
                        AND reads.name = 'default_transaction_read_only'
                    """,
                isKept: false
            ),
            by: deadline
        )
        if rows.text(0, 0) == "true" {
            throw PostgreSQLFailure(code: "25006", message: "the server is a replica")
        }
        if rows.text(0, 6) == "on" {
            throw PostgreSQLFailure(code: "25006", message: "the server's default_transaction_read_only is on")
        }
        let isDirect = rows.text(0, 4) == String(connection.processNumber)
        state.withLock { state in
            state.hasSessions = isDirect
            for (column, name) in [(Int32(1), "synchronous_commit"), (5, "search_path")] {
                state.defaults[name] = rows.text(0, column)
            }
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
            state.withLock { state in state.warnings += warnings.filter { !state.warnings.contains($0) } }
        }
    }
}
#endif
