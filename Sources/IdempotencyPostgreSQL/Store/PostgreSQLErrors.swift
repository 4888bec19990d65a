#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL

/// The store's errors, each with the advice that belongs to it.
@available(Idempotency 0.1, *)
enum PostgreSQLErrors {
    static var closed: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message: "The PostgreSQL store is closed. Nothing was run or changed."
        )
    }

    static var tooManyCalls: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "\(PostgreSQLWorker.capacity) calls wait for the PostgreSQL store already. Nothing was changed; retry later."
        )
    }

    static var contention: IdempotencyError {
        IdempotencyError(
            code: .contention,
            message: "The key was changed by others again and again. Nothing was changed; retry later."
        )
    }

    static var locked: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "Another transaction holds the row's lock for longer than the lock timeout (55P03). Nothing was changed; shorten that "
                + "transaction."
        )
    }

    static var noFreeConnection: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "All connections for handlers' transactions are taken, and none came free in time. Nothing was changed; shorten "
                + "the handlers, or raise transactionConnections."
        )
    }

    static func newerSchema(_ version: Int64) -> IdempotencyError {
        IdempotencyError(
            code: .unsupportedSchemaVersion,
            message:
                "The table was made by a newer release (schema \(version)), and this one knows schema \(SQLSchema.version). "
                + "Nothing was changed; upgrade this service."
        )
    }

    static func unusable(_ message: String) -> IdempotencyError {
        IdempotencyError(code: .invalidConfiguration, message: message)
    }

    /// What a failure means, and what to do about it.
    ///
    /// - Parameter wasSent: Whether the server may have begun with it.
    static func error(for error: any Error, wasSent: Bool = true) -> any Error {
        guard let failure = error as? PostgreSQLFailure else { return error }
        let code = failure.code.isEmpty ? "" : " (SQLSTATE \(failure.code))"
        // The server's own text may hold a value that broke a constraint: it is in the cause.
        let text = failure.code.isEmpty || !wasSent ? failure.message : "the server refused"
        return IdempotencyError(
            code: failure.code == "54000" && !failure.isWraparound ? .capacityExceeded : .storeUnavailable,
            message: "PostgreSQL: \(text)\(code). \(advice(for: failure, wasSent: wasSent))",
            cause: failure
        )
    }

    private static func advice(for failure: PostgreSQLFailure, wasSent: Bool) -> String {
        switch failure.code {
        case "28P01", "28000":
            "The server does not accept the role or its password; look at the connection string and at pg_hba.conf."
        case "3D000": "There is no such database; create it, or look at the connection string."
        case "42P01", "3F000":
            "The table or its sequence is not where the search path looks; call migrate(), or make it as SQLSchema prints it. Where "
                + "search_path is empty, name the schema in SQLTable."
        case "42703": "The table is not as SQLSchema prints it; call migrate(), or make it anew."
        case "42501": "The role lacks a right on the table, its sequence or its schema; grant it."
        case "25006":
            "The server is read-only; connect to the primary, for example with target_session_attrs=read-write."
        case "53100": "The server's disk is full, and nothing was changed; make room."
        case "53300": "The server has no free connection; raise max_connections, or use fewer connections."
        case "53200": "The server is out of memory, and nothing was changed."
        case "57P01", "57P02", "57P03", "57P04", "57P05":
            "The server is going down or starting; whether the change was made is not known."
        case "55P03":
            "Another transaction holds the row's lock for longer than the lock timeout, and nothing was changed; shorten it."
        case "57014": "The statement took longer than the statement timeout, and nothing was changed."
        case "26000", "42P05":
            "A prepared statement is not where it was made: behind a pooler that gives each transaction another connection, set "
                + "preparesStatements to false. Nothing was changed."
        case "54000" where failure.isWraparound:
            "The server has no transaction numbers left, and nothing was changed; run VACUUM as its log says."
        case "54000": "The record is larger than PostgreSQL takes, and nothing was changed; lower the result's limit."
        case "" where !wasSent:
            "Nothing was sent, so nothing was changed; look whether the server runs, and at the connection string."
        case "": "Whether the change was made is not known."
        case _ where wasSent && !failure.isLost: "Nothing was changed."
        default: wasSent ? "Whether the change was made is not known." : "Nothing was changed."
        }
    }
}
#endif
