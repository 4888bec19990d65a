#if PostgreSQL
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// A connection for the store's own calls, with the thread that waits for it.
///
/// Everything but ``queue`` is to be used on the queue alone.
@available(Idempotency 0.1, *)
final class PostgreSQLLane: Sendable {
    let queue: DispatchQueue
    /// Signalled when as many calls wait as the connection waits for.
    let callers = DispatchSemaphore(value: 0)
    /// How much else waits for the queue while calls are done there.
    private let guests = Atomic(0)
    private let opener: PostgreSQLOpener
    private let statements: PostgreSQLStatements
    private let grace: Int64
    private let onChange: @Sendable ([IdempotencyKey]) -> Void
    // Only ever touched on the queue, which runs one block at a time; that is why they may be shared.
    nonisolated(unsafe) private var connection: PostgreSQLConnection?
    /// When the source of versions is to be looked at; `nil`: now.
    nonisolated(unsafe) private var nextRaise: CallDeadline?

    /// - Parameters:
    ///   - grace: How long a row that is of no use stays, in microseconds.
    ///   - onChange: Told of the keys that a transaction changed, once it is committed.
    init(
        _ number: Int,
        _ opener: PostgreSQLOpener,
        _ statements: PostgreSQLStatements,
        grace: Int64,
        onChange: @escaping @Sendable ([IdempotencyKey]) -> Void
    ) {
        queue = DispatchQueue(label: "idempotency.postgresql.\(number)", qos: .userInitiated)
        self.opener = opener
        self.statements = statements
        self.grace = grace
        self.onChange = onChange
    }

    /// Whether there is a connection, as far as can be told without a question to the server.
    var isConnected: Bool { connection?.isAlive ?? false }

    /// Does something else on the queue, between two batches.
    func visit(_ body: @escaping @Sendable () -> Void) {
        guests.add(1, ordering: .relaxed)
        queue.async {
            self.guests.subtract(1, ordering: .relaxed)
            body()
        }
    }

    /// Whether something else is to have its turn before the next batch.
    var hasGuests: Bool { guests.load(ordering: .relaxed) > 0 }

    /// Opens another connection.
    func connect() throws {
        disconnect()
        connection = try opener.openForCalls()
    }

    func disconnect() {
        connection = nil
        nextRaise = nil
    }

    /// What became of a batch.
    struct Outcome {
        /// How many keys were claimed, and how many that were to be claimed were there already.
        var claims = (made: 0, refused: 0)
        /// Calls of keys whose rows another transaction has locked; they are not answered.
        var locked: [PostgreSQLJob] = []
    }

    /// Does what is asked for, and answers.
    func work(_ batch: PostgreSQLBatch) -> Outcome {
        var outcome = Outcome()
        work(batch, by: CallDeadline(in: opener.options.statementTimeout * 2), &outcome)
        return outcome
    }

    private func work(_ batch: PostgreSQLBatch, by end: CallDeadline, _ outcome: inout Outcome) {
        var batch = batch
        var repeats = 0
        var hasReconnected = false
        defer {
            outcome.claims.made += batch.claims.made
            outcome.claims.refused += batch.claims.refused
            outcome.locked += batch.locked
            notify(batch.changed.filter(\.isAwaited).map(\.key))
        }
        while true {
            do {
                try batch.run(statements, grace: grace, send: send, onChange: onChange)
                return
            } catch {
                if error.mayBeRepeated, repeats < 5, !end.isOver {
                    repeats += 1
                } else if error.code == "25006", !hasReconnected, !end.isOver {
                    // Nothing was written. Another server may be the one that writes now.
                    hasReconnected = true
                    do { try connect() } catch { return batch.fail(PostgreSQLErrors.error(for: error, wasSent: false)) }
                } else if error.code == "55P03", !batch.skipsLocked, !end.isOver {
                    batch.skipLocked()
                } else if error.isAboutOneCall, batch.count > 1, !end.isOver {
                    // In halves, so that few messages find the culprit.
                    for half in batch.halves() { work(half, by: end, &outcome) }
                    return
                } else if error.code == "55P03", batch.count == 1 {
                    return batch.setAside()
                } else {
                    return batch.fail(PostgreSQLErrors.error(for: error))
                }
            }
        }
    }

    /// Tells other processes of keys that somebody waits for.
    func notify(_ keys: [IdempotencyKey]) {
        if keys.isEmpty || !opener.hasSessions { return }
        let references = PostgreSQLArray(.text, of: keys) { $0.append($1.reference) }
        // A hint: whoever waits polls underneath.
        _ = try? send([.init(sql: statements.notify, parameters: [.array(references)])])
    }

    /// Sends statements as one transaction, and waits for it to be committed.
    func send(_ commands: [PostgreSQLConnection.Command]) throws(PostgreSQLFailure) -> [PostgreSQLRows] {
        try send(commands, by: nil)
    }

    private func send(
        _ commands: [PostgreSQLConnection.Command],
        by deadline: CallDeadline?
    ) throws(PostgreSQLFailure) -> [PostgreSQLRows] {
        guard let connection else { throw PostgreSQLFailure(message: "the connection is lost", isLost: true) }
        do {
            if nextRaise?.isOver ?? true {
                _ = try exchange([.init(sql: statements.raise)], on: connection, by: opener.statementDeadline)
                nextRaise = CallDeadline(in: .seconds(1))
            }
            return try exchange(commands, on: connection, by: deadline ?? opener.statementDeadline)
        } catch {
            if error.code == "25006" { opener.noteReadOnlyServer() }
            if error.endsConnection || error.isAboutSchema { disconnect() }
            throw error
        }
    }

    /// Sends statements as one transaction without looking at the source of versions, which may not be there yet.
    func sendUnraised(
        _ commands: [PostgreSQLConnection.Command],
        within span: Duration? = nil
    ) throws(PostgreSQLFailure) -> [PostgreSQLRows] {
        nextRaise = CallDeadline(in: .seconds(3600))
        defer { nextRaise = nil }
        return try send(commands, by: span.map { CallDeadline(in: $0) })
    }

    private func exchange(
        _ commands: [PostgreSQLConnection.Command],
        on connection: PostgreSQLConnection,
        by deadline: CallDeadline
    ) throws(PostgreSQLFailure) -> [PostgreSQLRows] {
        if opener.hasSessions { return try rows(connection.exchange(commands, by: deadline)) }
        // Whoever had the pooler's connection before may have left settings: this transaction brings all that it rests on.
        let begin = PostgreSQLConnection.Command(sql: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", isKept: false)
        let commit = PostgreSQLConnection.Command(sql: "COMMIT", isKept: false)
        let all = [begin, opener.settings(forTransaction: true)] + commands + [commit]
        let answers = try connection.exchange(all, by: deadline)
        do throws(PostgreSQLFailure) {
            let rows = try rows(answers)
            guard rows[rows.count - 1].tag == "COMMIT" else {
                throw PostgreSQLFailure(code: "40000", message: "the server rolled back at the commit")
            }
            return Array(rows.dropFirst(2).dropLast())
        } catch {
            let isUndone = Result { () throws(PostgreSQLFailure) in
                try connection.ask(.init(sql: "ROLLBACK", isKept: false), by: opener.statementDeadline)
            }
            if case .failure = isUndone { disconnect() }
            throw error
        }
    }

    private func rows(_ answers: [PostgreSQLConnection.Answer]) throws(PostgreSQLFailure) -> [PostgreSQLRows] {
        var rows: [PostgreSQLRows] = []
        for answer in answers { rows.append(try answer.get()) }
        return rows
    }
}
#endif
