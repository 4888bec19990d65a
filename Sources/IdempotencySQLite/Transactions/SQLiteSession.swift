#if SQLite
internal import CSQLite
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// A transaction of a handler that runs elsewhere: while it is open the worker's thread serves it alone.
@available(Idempotency 0.1, *)
final class SQLiteSession: SQLSession {
    private struct State {
        var isOver = false
    }

    private let mailbox: SQLiteMailbox
    private let state = Mutex(State())
    private let clock: @Sendable () -> Int64
    private let resolve: @Sendable (IdempotencyKey, RecordVersion) throws -> Bool
    private let continuity: SQLiteContinuity
    private let onChange: @Sendable ([IdempotencyKey]) -> Void

    /// - Parameters:
    ///   - mailbox: Where the worker's thread waits for what is to be done.
    ///   - clock: The time in microseconds since 1970.
    ///   - continuity: Learns what was committed.
    ///   - resolve: Finds out, on the worker's thread, whether a commit that failed has put a version there after all.
    ///   - onChange: Told of the keys that were changed, once that is committed.
    init(
        mailbox: SQLiteMailbox,
        clock: @escaping @Sendable () -> Int64,
        resolve: @escaping @Sendable (IdempotencyKey, RecordVersion) throws -> Bool,
        continuity: SQLiteContinuity,
        onChange: @escaping @Sendable ([IdempotencyKey]) -> Void
    ) {
        self.continuity = continuity
        self.mailbox = mailbox
        self.clock = clock
        self.resolve = resolve
        self.onChange = onChange
    }

    /// Whether the worker's thread may serve others. Only asked there.
    var isOver: Bool { state.withLock { $0.isOver } }

    private func ask<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteRecords) throws -> Value
    ) async throws -> Value {
        let answer = OneShot<Result<Value, any Error>>()
        guard mailbox.post({ records in answer.fire(Result { try body(records) }) }) else { throw Self.timeIsOver }
        return try await answer.value().get()
    }

    func run(_ statement: SQLStatement) async throws -> SQLResult {
        try await ask { try $0.connection.run(statement) }
    }

    func undo() async throws {
        try await ask { records in
            do {
                try records.connection.undoEffects()
            } catch let failure as SQLiteFailure {
                throw SQLError(failure)
            }
        }
    }

    func finish(
        _ key: IdempotencyKey,
        writing record: IdempotencyRecord,
        over expected: RecordVersion
    ) async throws -> CheckAndSetResult {
        let write = SQLiteRecords.Write(key: key, expected: expected, change: .write(record))
        let version = try await end { try self.commit(write, $0) }
        guard let version else { return .conflict(nil) }
        onChange([key])
        return .stored(version)
    }

    func commit() async throws {
        try await end { records in
            do {
                try records.connection.commitEffects()
                try records.connection.assureFile()
            } catch let loss as SQLiteFileLoss {
                throw SQLCommitFailure.unknown(SQLiteErrors.error(for: loss))
            } catch {
                records.connection.rollBack()
                throw SQLCommitFailure.undone(SQLiteErrors.error(for: error))
            }
        }
    }

    func rollback() async {
        try? await end { $0.connection.rollBack() }
    }

    /// Does the last that is done in the transaction.
    private func end<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteRecords) throws -> Value
    ) async throws(SQLCommitFailure) -> Value {
        do {
            return try await ask { records in
                defer { self.state.withLock { $0.isOver = true } }
                return try body(records)
            }
        } catch let failure as SQLCommitFailure {
            throw failure
        } catch {
            throw .undone(error)
        }
    }

    /// Makes the last write and commits. `nil`: it could not be made, and everything is undone.
    private func commit(_ write: SQLiteRecords.Write, _ records: SQLiteRecords) throws(SQLCommitFailure)
        -> RecordVersion?
    {
        var version: RecordVersion?
        do {
            version = try records.makeInTransaction(write, clock())
            if version == nil { records.connection.rollBack() } else { try records.connection.commitEffects() }
            // A commit to a file that nobody else has is none.
            if let version {
                try records.connection.assureFile()
                continuity.note(version, in: records)
            }
            return version
        } catch let failure {
            if records.connection.isInTransaction {
                records.connection.rollBack()
            } else if let version {
                do {
                    if try resolve(write.key, version) { return version }
                } catch {
                    throw .unknown(SQLiteErrors.error(for: failure))
                }
            }
            throw .undone(SQLiteErrors.error(for: failure))
        }
    }

    private static var timeIsOver: SQLError {
        SQLError(
            code: "\(SQLITE_INTERRUPT)",
            message: "The transaction was open for longer than its limit, and is undone. Shorten the handler."
        )
    }
}
#endif
