#if SQLite
internal import CSQLite
internal import Dispatch
internal import IdempotencySQL

/// The statements of handlers.
@available(Idempotency 0.1, *)
extension SQLiteConnection {
    /// Runs a statement of a handler's in the transaction that is open.
    func run(_ statement: SQLStatement) throws(SQLError) -> SQLResult {
        // Some errors end a transaction; what came after them would be committed by itself.
        guard isInTransaction else {
            throw SQLError(code: "\(SQLITE_ABORT)", message: "SQLite has undone the transaction.")
        }
        timeLimit.isForHandler = true
        defer { timeLimit.isForHandler = false }
        do {
            return try result(of: statement)
        } catch {
            if error.primaryCode == SQLITE_AUTH {
                throw SQLError(
                    code: "\(error.code)",
                    message:
                        "A handler's statement must not begin, commit or roll back a transaction, attach a database, or change "
                        + "a setting of the connection."
                )
            }
            throw SQLError(error)
        }
    }

    /// Interrupts handlers' statements from then on; `nil`: none.
    func limitHandlersStatements(until deadline: DispatchTime?) { timeLimit.deadline = deadline }

    private func result(of statement: SQLStatement) throws(SQLiteFailure) -> SQLResult {
        let prepared = try handlersStatement(statement.text(in: .sqlite))
        defer { prepared.reset() }
        guard prepared.parameterCount == statement.parameters.count else {
            throw SQLiteFailure(
                code: SQLITE_RANGE,
                message:
                    "The statement has \(prepared.parameterCount.map { "\($0)" } ?? "other") parameters, and "
                    + "\(statement.parameters.count) values. A value must not be interpolated within quotes."
            )
        }
        for (index, value) in statement.parameters.enumerated() { try prepared.bind(value, at: Int32(index + 1)) }
        let changesBefore = totalChanges
        let columns = prepared.columnNames
        var rows: [SQLRow] = []
        while try prepared.step() {
            rows.append(SQLRow(columns: columns, values: columns.indices.map { prepared.value(Int32($0)) }))
        }
        // `changes` keeps its number over statements that change nothing.
        return SQLResult(rows: rows, changes: totalChanges == changesBefore ? 0 : changes)
    }
}

@available(Idempotency 0.1, *)
extension SQLError {
    /// SQLite's failure as a handler gets it.
    init(_ failure: SQLiteFailure) {
        self.init(code: "\(failure.code)", message: failure.message)
    }
}
#endif
