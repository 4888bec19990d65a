public import Idempotency

/// A connection on which a transaction is open, for one handler.
///
/// Exactly one of ``finish(_:writing:over:)``, ``commit()`` and ``rollback()`` ends it; after that its connection serves others. One call
/// at a time.
@available(Idempotency 0.1, *)
public protocol SQLSession: AnyObject, Sendable {
    /// Runs one of the handler's statements.
    ///
    /// A statement that begins, commits or rolls back a transaction is refused before it is sent.
    ///
    /// - Throws: ``SQLError``.
    func run(_ statement: SQLStatement) async throws -> SQLResult

    /// Undoes everything that ``run(_:)`` did, and leaves the transaction open, also if one of its statements failed.
    ///
    /// - Throws: ``SQLError``.
    func undo() async throws

    /// Writes the record as the transaction's last statement, if the version that is there is the one expected, and commits.
    ///
    /// - Returns: `stored`: committed, effects and record. `conflict`: the record is another's, and everything is undone; what
    ///   is there now may be left out.
    /// - Throws: ``SQLCommitFailure``.
    func finish(
        _ key: IdempotencyKey,
        writing record: IdempotencyRecord,
        over expected: RecordVersion
    ) async throws -> CheckAndSetResult

    /// Commits without writing a record: for a handler that runs without protection.
    ///
    /// - Throws: ``SQLCommitFailure``.
    func commit() async throws

    /// Undoes everything. Never fails: a connection that does not answer is given up, and the database undoes what was open.
    func rollback() async
}
