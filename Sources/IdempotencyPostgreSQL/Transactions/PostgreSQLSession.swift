#if PostgreSQL
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL

/// A handler's transaction. It begins with the handler's first statement: until then it costs the server nothing.
@available(Idempotency 0.1, *)
final class PostgreSQLSession: SQLSession {
    private typealias Command = PostgreSQLConnection.Command

    private enum Phase {
        case fresh
        case open(transaction: String)
        case ended(SQLError)
    }

    private let store: PostgreSQLIdempotencyStore
    private let seat: PostgreSQLSeat
    private let end: CallDeadline
    // Only ever touched on the seat's queue, which runs one block at a time; that is why it may be shared.
    nonisolated(unsafe) private var phase = Phase.fresh

    /// Drawn, so that no savepoint of the handler's has the name.
    private let savepoint = "idempotency_\(UInt64.random(in: .min ... .max))"

    private static let over = SQLError(code: "", message: "The transaction has ended.")
    private static let late = SQLError(
        code: "25P03",
        message: "The transaction was open for longer than its time limit, and is rolled back."
    )

    /// - Parameter seat: The connection, which is the session's until it ends.
    init(_ store: PostgreSQLIdempotencyStore, _ seat: PostgreSQLSeat, limit: Duration) {
        self.store = store
        self.seat = seat
        end = CallDeadline(in: limit)
        let span = DispatchTimeInterval.nanoseconds(Int(clamping: max(0, limit.nanoseconds)))
        seat.queue.asyncAfter(deadline: .now() + span) { [weak self] in self?.close(Self.late) }
    }

    deinit {
        if case .ended = phase { return }
        // Whoever had it has forgotten it: the server rolls back when the connection is closed.
        seat.queue.async { [seat, seats = store.seats] in
            seat.connection = nil
            seats.give(seat)
        }
    }

    func run(_ statement: SQLStatement) async throws -> SQLResult {
        let sql = statement.text(in: .postgreSQL)
        try PostgreSQLTransactionWords.check(sql)
        let parameters = statement.parameters.map { PostgreSQLParameter.value($0) }
        let answer = await seat.run { () -> Result<SQLResult, SQLError> in
            Result { () throws(SQLError) in
                let command = Command(sql: sql, parameters: parameters, isBinary: false, isKept: false)
                return try self.send([self.timeout(), command])[1].result()
            }
        }
        return try answer.get()
    }

    func undo() async throws {
        let answer = await seat.run { () -> Result<Void, SQLError> in
            Result { () throws(SQLError) in
                switch self.phase {
                case .fresh: break
                case .open: _ = try self.send([Command(sql: "ROLLBACK TO SAVEPOINT \(self.savepoint)", isKept: false)])
                case .ended(let error): throw error
                }
            }
        }
        try answer.get()
    }

    func rollback() async {
        await seat.run { _ = self.close(Self.over) }
    }

    func finish(
        _ key: IdempotencyKey,
        writing record: IdempotencyRecord,
        over expected: RecordVersion
    ) async throws -> CheckAndSetResult {
        let parameters = finishParameters(key, RecordColumns(record), Int64(bitPattern: expected.rawValue))
        switch await seat.run({ self.finish(parameters) }) {
        case .committed(let version, let isAwaited):
            store.announce(key, isAwaited: isAwaited)
            return .stored(RecordVersion(rawValue: UInt64(bitPattern: version)))
        case .refused: return .conflict(nil)
        case .undone(let error): throw SQLCommitFailure.undone(error)
        case .lost(let transaction, let error): return try await resolve(transaction, error, key, record)
        }
    }

    func commit() async throws {
        let answer = await seat.run { () -> Result<Void, SQLCommitFailure> in
            Result { () throws(SQLCommitFailure) in try self.commitWithoutRecord() }
        }
        try answer.get()
    }

    // MARK: On the queue

    /// Sends statements, after what begins the transaction if it has not begun.
    private func send(_ commands: [Command]) throws(SQLError) -> [PostgreSQLRows] {
        if case .ended(let error) = phase { throw error }
        if end.isOver {
            close(Self.late)
            throw Self.late
        }
        guard let connection = seat.connection else { throw close(Self.over) }
        var beginning: [Command] = []
        if case .fresh = phase {
            let patience = Self.milliseconds(end.left + .seconds(1))
            beginning = [
                Command(
                    sql: "BEGIN ISOLATION LEVEL \(store.opener.options.isolation.rawValue)"
                        // Whoever had a pooler's connection before may have left it read-only.
                        + (store.opener.hasSessions ? "" : " READ WRITE"),
                    isKept: false
                ),
                Command(sql: "SELECT pg_current_xact_id()::text", isKept: false),
                // Also where the session has no settings: these are the transaction's.
                store.opener.handlerSettings([("idle_in_transaction_session_timeout", patience)]),
                Command(sql: "SAVEPOINT \(savepoint)", isKept: false),
            ]
        }
        let answers: [PostgreSQLConnection.Answer]
        do {
            answers = try connection.exchange(beginning + commands, by: patience)
        } catch {
            seat.connection = nil
            throw close(SQLError(error))
        }
        if !beginning.isEmpty {
            guard case .success(let rows) = answers[1], let transaction = rows.text(0, 0) else {
                throw failure(of: answers) ?? Self.over
            }
            phase = .open(transaction: transaction)
        }
        if let error = failure(of: answers) { throw error }
        guard connection.transactionState == .open else {
            // Nothing that is let through does that.
            throw close(SQLError(code: "2D000", message: "A statement has ended the handler's transaction."))
        }
        return answers.suffix(commands.count).compactMap { try? $0.get() }
    }

    /// The first failure; one that ends the connection ends the session.
    private func failure(of answers: [PostgreSQLConnection.Answer]) -> SQLError? {
        for case .failure(let failure) in answers {
            let error = failure.code == "57014" && end.isOver ? Self.late : SQLError(failure)
            if failure.code == "25006" { store.opener.noteReadOnlyServer() }
            if failure.endsConnection, failure.code != "0A000" { seat.connection = nil }
            if seat.connection == nil || error == Self.late { close(error) }
            return error
        }
        return nil
    }

    /// What a statement may take: the time that is left, rounded up, so that whoever it ends is late.
    private func timeout() -> Command {
        Command(
            sql: "SELECT set_config('statement_timeout', $1, true)",
            parameters: [.text(Self.milliseconds(end.left + .milliseconds(1)))],
            isKept: false
        )
    }

    /// As a setting of the server's, whose milliseconds are 32 bits.
    private static func milliseconds(_ span: Duration) -> String {
        String(min(max(1, span.nanoseconds / 1_000_000), Int64(Int32.max)))
    }

    /// The server ends a statement by itself at the limit; this is for a server that does not answer.
    private var patience: CallDeadline { CallDeadline(in: end.left + .seconds(1)) }

    /// Ends the session: rolls back what is open, and gives the connection back. Harmless when repeated.
    @discardableResult
    private func close(_ error: SQLError) -> SQLError {
        let hasBegun = if case .open = phase { true } else { false }
        if case .ended = phase { return error }
        phase = .ended(error)
        if let connection = seat.connection, connection.transactionState != .none {
            let answer = Result { () throws(PostgreSQLFailure) in
                try connection.ask(Command(sql: "ROLLBACK", isKept: false), by: store.opener.statementDeadline)
            }
            // Closed, it is rolled back by the server.
            if case .failure = answer { seat.connection = nil }
        }
        if hasBegun { seat.cleanUp(store.opener) }
        store.seats.give(seat)
        return error
    }

    // MARK: Finishing

    private enum Ending: Sendable {
        case committed(Int64, isAwaited: Bool)
        case refused
        case undone(SQLError)
        case lost(transaction: String, SQLError)
    }

    private func commitWithoutRecord() throws(SQLCommitFailure) {
        switch phase {
        case .fresh:
            close(Self.over)
            return
        case .ended(let error): throw .undone(error)
        case .open: break
        }
        guard let connection = seat.connection else { throw .undone(close(Self.over)) }
        if end.isOver { throw .undone(close(Self.late)) }
        let answers: [PostgreSQLConnection.Answer]
        do {
            answers = try connection.exchange([timeout(), Command(sql: "COMMIT", isKept: false)], by: patience)
        } catch {
            seat.connection = nil
            throw .unknown(close(SQLError(error)))
        }
        guard case .success(let commit) = answers[1], commit.tag == "COMMIT" else {
            let error =
                failure(of: answers) ?? SQLError(code: "40000", message: "The server rolled back at the commit.")
            throw .undone(close(error))
        }
        close(Self.over)
    }

    private func finishParameters(_ key: IdempotencyKey, _ columns: RecordColumns, _ expected: Int64)
        -> [PostgreSQLParameter]
    {
        [
            .text(key.scope.text), .text(key.value), .integer(expected), .text(columns.state),
            .integer(columns.attempt),
            .integer(columns.held), .integer(columns.kept), .bytes(columns.record),
        ]
    }

    private func finish(_ parameters: [PostgreSQLParameter]) -> Ending {
        do {
            // Its number has to be known before a commit is on its way.
            if case .fresh = phase { _ = try send([]) }
        } catch {
            return .undone(error)
        }
        guard case .open(let transaction) = phase, let connection = seat.connection else {
            if case .ended(let error) = phase { return .undone(error) }
            return .undone(close(Self.over))
        }
        if end.isOver { return .undone(close(Self.late)) }
        let write = Command(sql: store.statements.finish, parameters: parameters, isKept: false)
        let answers: [PostgreSQLConnection.Answer]
        do {
            let settings = store.opener.handlerSettings([
                ("statement_timeout", Self.milliseconds(end.left + .milliseconds(1)))
            ])
            answers = try connection.exchange(
                [settings, write, Command(sql: "COMMIT", isKept: false)],
                by: patience
            )
        } catch {
            seat.connection = nil
            return .lost(transaction: transaction, close(SQLError(error)))
        }
        switch (answers[1], answers[2]) {
        case (.success(let rows), .success(let commit)) where commit.tag == "COMMIT":
            close(Self.over)
            return .committed(rows.integer(0, 0), isAwaited: rows.boolean(0, 1))
        case (.failure(let failure), _) where failure.code == "22012":
            close(Self.over)
            return .refused
        default:
            let rolledBack = SQLError(code: "40000", message: "The server rolled back at the commit.")
            return .undone(close(failure(of: answers) ?? rolledBack))
        }
    }

    /// The answer to a commit is lost. Whether its transaction is over, the server knows by its number: until then an absent
    /// row proves nothing, because the commit may still be on its way. What became of it, the record says: a server that
    /// crashed may give the number of a transaction that it has forgotten to another one.
    private func resolve(
        _ transaction: String,
        _ error: SQLError,
        _ key: IdempotencyKey,
        _ record: IdempotencyRecord
    ) async throws -> CheckAndSetResult {
        let end = CallDeadline(in: store.opener.options.statementTimeout * 2)
        let ask = Command(sql: "SELECT pg_xact_status($1::text::xid8)", parameters: [.text(transaction)])
        while !end.isOver {
            if await isOver(ask), case .success(let found) = await load(key) {
                guard let found, found.record == record else {
                    throw SQLCommitFailure.undone(
                        SQLError(code: error.code, message: error.message, mayBeRepeated: true)
                    )
                }
                store.announce(key, isAwaited: true)
                return .stored(found.version)
            }
            let pause = OneShot<Void>()
            seat.queue.asyncAfter(deadline: .now() + .milliseconds(50)) { pause.fire(()) }
            await pause.value()
        }
        throw SQLCommitFailure.unknown(error)
    }

    /// Whether the server knows that a transaction is over, or knows nothing of it any more.
    private func isOver(_ ask: Command) async -> Bool {
        do {
            return try await store.worker.use { lane in try lane.send([ask])[0].text(0, 0) } != "in progress"
        } catch {
            // "In the future": it was forgotten in a crash.
            return ((error as? IdempotencyError)?.cause as? PostgreSQLFailure ?? error as? PostgreSQLFailure)?.code
                == "22023"
        }
    }

    private func load(_ key: IdempotencyKey) async -> Result<StoredRecord?, any Error> {
        do { return .success(try await store.load(key)) } catch { return .failure(error) }
    }
}

@available(Idempotency 0.1, *)
extension SQLError {
    fileprivate init(_ failure: PostgreSQLFailure) {
        self.init(code: failure.code, message: failure.message, mayBeRepeated: failure.mayBeRepeated)
    }
}
#endif
