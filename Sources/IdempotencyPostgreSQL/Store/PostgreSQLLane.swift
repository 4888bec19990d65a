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
    nonisolated(unsafe) private var isRaised = false

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
        isRaised = false
    }

    /// Does what is asked for, and answers.
    ///
    /// - Returns: How many keys were claimed, and how many that were to be claimed were there already.
    func work(_ batch: PostgreSQLBatch) -> (made: Int, refused: Int) {
        work(batch, by: CallDeadline(in: opener.options.statementTimeout * 2))
    }

    private func work(_ batch: PostgreSQLBatch, by end: CallDeadline) -> (made: Int, refused: Int) {
        var batch = batch
        var repeats = 0
        defer { notify(batch.changed.filter(\.isAwaited).map(\.key)) }
        while true {
            do {
                try batch.run(statements, grace: grace, send: send, onChange: onChange)
                return batch.claims
            } catch {
                if error.mayBeRepeated, repeats < 5, !end.isOver {
                    repeats += 1
                } else if error.isAboutOneCall, batch.count > 1, !end.isOver {
                    for single in batch.split() { _ = work(single, by: end) }
                    return batch.claims
                } else {
                    batch.fail(PostgreSQLErrors.error(for: error))
                    return batch.claims
                }
            }
        }
    }

    /// Tells other processes of keys that somebody waits for.
    func notify(_ keys: [IdempotencyKey]) {
        if keys.isEmpty || !opener.options.preparesStatements { return }
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
            if !isRaised {
                let raise = statements.raise.map { PostgreSQLConnection.Command(sql: $0, isKept: false) }
                _ = try rows(connection.exchange(prepared(raise), by: opener.statementDeadline))
                isRaised = true
            }
            let deadline = deadline ?? opener.statementDeadline
            let answers = try rows(connection.exchange(prepared(commands), by: deadline))
            return Array(answers.suffix(commands.count))
        } catch {
            if error.endsConnection { disconnect() }
            throw error
        }
    }

    /// Sends statements as one transaction without looking at the source of versions, which may not be there yet.
    func sendUnraised(
        _ commands: [PostgreSQLConnection.Command],
        within span: Duration? = nil
    ) throws(PostgreSQLFailure) -> [PostgreSQLRows] {
        isRaised = true
        defer { isRaised = false }
        return try send(commands, by: span.map { CallDeadline(in: $0) })
    }

    private func prepared(_ commands: [PostgreSQLConnection.Command]) -> [PostgreSQLConnection.Command] {
        opener.options.preparesStatements ? commands : [opener.settings(forTransaction: true)] + commands
    }

    private func rows(_ answers: [PostgreSQLConnection.Answer]) throws(PostgreSQLFailure) -> [PostgreSQLRows] {
        var rows: [PostgreSQLRows] = []
        for answer in answers { rows.append(try answer.get()) }
        return rows
    }
}
#endif
