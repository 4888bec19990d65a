#if SQLite
internal import CSQLite
internal import Idempotency

/// The store's errors, each with the advice that belongs to it.
@available(Idempotency 0.1, *)
enum SQLiteErrors {
    static var closed: IdempotencyError {
        IdempotencyError(code: .storeUnavailable, message: "The SQLite store is closed. Nothing was run or changed.")
    }

    static var tooManyCalls: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "\(SQLiteWorker.capacity) calls wait for the SQLite store already. Nothing was changed; retry later."
        )
    }

    static var tooManyTransactions: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "The handler's transaction waited for others for too long: SQLite runs one at a time. Nothing was changed; retry "
                + "later, shorten the handlers, or use SQLiteTransactionalInterceptor."
        )
    }

    static var handlerTooSlow: IdempotencyError {
        IdempotencyError(
            code: .storeUnavailable,
            message:
                "The handler kept the store's thread for longer than \(SQLiteIdempotencyStore.maximumTransactionTime), and its "
                + "effects are undone. Let it do nothing but talk to the database."
        )
    }

    private static func lost(_ loss: SQLiteFileLoss) -> IdempotencyError {
        let what =
            switch loss {
            case .replaced: "The database's file was removed, renamed or replaced while it was open"
            case .withoutLog: "The database's write-ahead log (-wal) was removed or replaced while it was open"
            case .older: "The database's file was replaced by a copy that lacks what was acknowledged last"
            }
        return IdempotencyError(
            code: .storeUnavailable,
            message:
                "\(what), and nothing is acknowledged in it. Put back its -wal, then the file, and this process goes on. To "
                + "have another database in its place, in which keys may run again, restart every process that has it open.",
            cause: loss
        )
    }

    static func newerSchema(_ version: Int64, _ known: Int) -> IdempotencyError {
        IdempotencyError(
            code: .unsupportedSchemaVersion,
            message:
                "The table was made by a newer release (schema \(version)), and this one knows schema \(known). Nothing was "
                + "changed; upgrade this service."
        )
    }

    /// What SQLite's failure means, and what to do about it.
    static func error(for error: any Error) -> any Error {
        if let loss = error as? SQLiteFileLoss { return lost(loss) }
        guard let failure = error as? SQLiteFailure else { return error }
        let (code, advice) = advice(for: failure)
        return IdempotencyError(
            code: code,
            message: "SQLite: \(failure.message) (code \(failure.code)). \(advice)",
            cause: failure
        )
    }

    private static func advice(for failure: SQLiteFailure) -> (IdempotencyError.Code, String) {
        switch failure.primaryCode {
        case SQLITE_BUSY, SQLITE_LOCKED:
            (
                .storeUnavailable,
                "Another process holds the write lock for longer than the busy timeout; shorten its transactions."
            )
        case SQLITE_ABORT:
            (.storeUnavailable, "A statement of the handler's ended its transaction, and nothing was changed.")
        case SQLITE_FULL:
            (.storeUnavailable, "The disk is full, and nothing was changed; make room.")
        case SQLITE_READONLY:
            (
                .storeUnavailable,
                "The database cannot be written to; look at the permissions of the file and of its folder."
            )
        case SQLITE_CANTOPEN:
            (
                .storeUnavailable,
                "The database cannot be opened; look whether the folder is there and may be written to, and whether the process has "
                    + "file descriptors left (ulimit -n)."
            )
        case SQLITE_IOERR where failure.isShortRead:
            (
                .storeUnavailable,
                "The file or its write-ahead log (-wal) was removed, replaced or cut while a process had it open. Put it back, or "
                    + "restart every process that has it open."
            )
        case SQLITE_IOERR:
            (.storeUnavailable, "The disk failed, and whether the change was made is not known.")
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            (
                .storeUnavailable,
                "The file is damaged, or no database; put it right from a copy, or choose another file."
            )
        case SQLITE_TOOBIG:
            (
                .capacityExceeded,
                "The record is larger than SQLite takes, and nothing was changed; lower the result's limit."
            )
        case SQLITE_ERROR where failure.message.hasPrefix("no such table"):
            (.storeUnavailable, "The table is not there; call migrate(), or make it as SQLSchema prints it.")
        default:
            (.storeUnavailable, "Whether the change was made is not known.")
        }
    }
}
#endif
