internal import Idempotency

/// The errors of a store over a client, each with the advice that belongs to it.
///
/// Of what the database said they hold the code alone: its text may name values.
@available(Idempotency 0.1, *)
enum SQLStoreErrors {
    static var contention: IdempotencyError {
        IdempotencyError(
            code: .contention,
            message: "Other writers changed the key each time that it was looked at. Nothing was changed; call again."
        )
    }

    static func newerSchema(_ version: Int) -> IdempotencyError {
        IdempotencyError(
            code: .unsupportedSchemaVersion,
            message:
                "The table was made by a newer release (schema \(version)), and this one knows schema "
                + "\(SQLSchema.version). Nothing was changed; upgrade this service."
        )
    }

    /// What a client's error means, and what to do about it.
    static func error(for error: any Error, _ dialect: SQLDialect) -> any Error {
        if error is IdempotencyError { return error }
        guard let error = error as? SQLError else {
            return IdempotencyError(
                code: .storeUnavailable,
                message: "The database's client failed. Whether the change was made is not known.",
                cause: error
            )
        }
        let (code, advice) =
            switch dialect {
            case .sqlite: sqlite(error)
            case .postgreSQL: postgreSQL(error)
            }
        let said = error.code.isEmpty ? "" : " (code \(error.code))"
        return IdempotencyError(code: code, message: "The database refused\(said). \(advice)", cause: error)
    }

    private static let noTable = "The table is not there; call migrate(), or make it as SQLSchema prints it."
    private static let unknown = "Whether the change was made is not known."

    /// By the primary result code (sqlite.org/rescode.html): the lower byte of an extended one.
    private static func sqlite(_ error: SQLError) -> (IdempotencyError.Code, String) {
        switch (Int(error.code) ?? 0) & 0xFF {
        case 1 where error.message.contains("no such table"): (.storeUnavailable, noTable)
        case 5, 6: (.storeUnavailable, "Somebody else holds the lock for too long; shorten other transactions.")
        case 8: (.storeUnavailable, "The database cannot be written to; look at the permissions of the file.")
        case 13: (.storeUnavailable, "The disk is full, and nothing was changed; make room.")
        case 18: (.capacityExceeded, "The record is larger than SQLite takes; lower the result's limit.")
        default: (.storeUnavailable, unknown)
        }
    }

    /// By the SQLSTATE (PostgreSQL's documentation, appendix A).
    private static func postgreSQL(_ error: SQLError) -> (IdempotencyError.Code, String) {
        switch error.code {
        case "42P01": (.storeUnavailable, noTable)
        case "3F000": (.storeUnavailable, "The table's schema is not there; make it with CREATE SCHEMA.")
        case "42501": (.storeUnavailable, "The role may not use the table or its sequence; grant it what it needs.")
        case "25006": (.storeUnavailable, "This is a replica, or read-only; connect to the primary.")
        case "40001", "40P01": (.storeUnavailable, "Other transactions got in the way each time; call again.")
        case "55P03", "57014": (.storeUnavailable, "A lock or the database took too long, and nothing was changed.")
        case let code where code.hasPrefix("53"):
            (.storeUnavailable, "The database has no room, memory or connections left, and nothing was changed.")
        default: (.storeUnavailable, unknown)
        }
    }
}
