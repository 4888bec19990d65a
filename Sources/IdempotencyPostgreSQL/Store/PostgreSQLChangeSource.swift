#if PostgreSQL
internal import Dispatch
internal import Idempotency
import Synchronization

/// A connection that hears of the rows that somebody waits for: they bear a mark, and whoever changes one tells of it after the
/// commit (`NOTIFY`).
@available(Idempotency 0.1, *)
final class PostgreSQLChangeSource: ChangeSource {
    private struct Session {
        let number: Int
        let connection: PostgreSQLConnection
        let source: any DispatchSourceRead
        let onChange: @Sendable (String?) -> Void
    }

    private struct Subscription: StoreSubscription {
        let changes: PostgreSQLChangeSource
        let number: Int

        func cancel() {
            changes.queue.async {
                if changes.session?.number == number { changes.disconnect() }
            }
        }
    }

    private struct Mark: Sendable {
        let keys: [IdempotencyKey]
        let answer = OneShot<Result<Void, any Error>>()
    }

    private let queue = DispatchQueue(label: "idempotency.postgresql.changes", qos: .userInitiated)
    private let opener: PostgreSQLOpener
    private let statements: PostgreSQLStatements
    /// Those that wait are made together.
    private let marks = Mutex<[Mark]>([])
    // Only ever touched on the queue, which runs one block at a time; that is why they may be shared.
    nonisolated(unsafe) private var session: Session?
    nonisolated(unsafe) private var lastNumber = 0
    nonisolated(unsafe) private var isClosed = false

    init(_ opener: PostgreSQLOpener, _ statements: PostgreSQLStatements) {
        self.opener = opener
        self.statements = statements
    }

    deinit { session?.source.cancel() }

    func subscribe(_ onChange: @escaping @Sendable (String?) -> Void) async throws -> any StoreSubscription {
        let answer = OneShot<Result<Int, any Error>>()
        queue.async { answer.fire(Result { try self.connect(onChange) }.mapError(Self.error)) }
        return Subscription(changes: self, number: try await answer.value().get())
    }

    func mark(_ keys: [IdempotencyKey]) async throws {
        let mark = Mark(keys: keys)
        let isFirst = marks.withLock { marks in
            marks.append(mark)
            return marks.count == 1
        }
        if isFirst { queue.async { self.writeMarks() } }
        try await mark.answer.value().get()
    }

    /// Ends the connection, if there is one; none is made any more.
    func close() async {
        let answer = OneShot<Void>()
        queue.async {
            self.isClosed = true
            self.disconnect()
            answer.fire(())
        }
        await answer.value()
    }

    private static func error(for error: any Error) -> any Error { PostgreSQLErrors.error(for: error, wasSent: false) }

    // MARK: On the queue

    private func connect(_ onChange: @escaping @Sendable (String?) -> Void) throws -> Int {
        if isClosed { throw PostgreSQLErrors.closed }
        disconnect()
        let connection = try opener.openForCalls()
        let deadline = opener.statementDeadline
        // A mark that a crash loses is made again a second later.
        let isQuick = PostgreSQLConnection.Command(
            sql: "SELECT set_config('synchronous_commit', 'off', false)",
            isKept: false
        )
        _ = try connection.ask(isQuick, by: deadline)
        let channel = try connection.ask(.init(sql: statements.channel, isKept: false), by: deadline)
        guard channel.count == 1, let name = channel.text(0, 0) else {
            throw PostgreSQLFailure(code: "42P01", message: "the table is not there")
        }
        // Letters, digits and underscores.
        _ = try connection.ask(.init(sql: "LISTEN \(name)", isKept: false), by: deadline)
        let source = DispatchSource.makeReadSource(fileDescriptor: connection.socket, queue: queue)
        source.setEventHandler { [weak self] in self?.hear() }
        // Whom the source watches is there until it watches no more. Touched on the queue alone, as everything here.
        nonisolated(unsafe) let watched = connection
        source.setCancelHandler { withExtendedLifetime(watched) {} }
        source.activate()
        lastNumber += 1
        session = Session(number: lastNumber, connection: connection, source: source, onChange: onChange)
        return lastNumber
    }

    private func disconnect() {
        session?.source.cancel()
        session = nil
    }

    private func lose() {
        let onChange = session?.onChange
        disconnect()
        onChange?(nil)
    }

    private func hear() {
        guard let session else { return }
        do {
            for reference in try session.connection.takeNotifications() { session.onChange(reference) }
        } catch {
            lose()
        }
    }

    private func writeMarks() {
        let marks = marks.withLock { marks in
            defer { marks = [] }
            return marks
        }
        // A statement keeps its rows locked until it ends, so that none has too many.
        var rest = marks[...]
        while !rest.isEmpty {
            var count = 0
            let group = rest.prefix { mark in
                count += mark.keys.count
                return count == mark.keys.count || count <= ChangeListener.keysAtOnce
            }
            let result = Result { try write(group.flatMap(\.keys)) }.mapError(Self.error)
            for mark in group { mark.answer.fire(result) }
            rest = rest.dropFirst(group.count)
        }
    }

    private func write(_ keys: [IdempotencyKey]) throws {
        if isClosed { throw PostgreSQLErrors.closed }
        guard let session else { throw PostgreSQLFailure(message: "the connection is lost", isLost: true) }
        // In the same order everywhere: two processes that mark the same rows never wait for each other in turn.
        let keys = keys.sorted { $0.digest < $1.digest }
        let scopes = PostgreSQLArray(.text, of: keys) { $0.append($1.scope.text) }
        let values = PostgreSQLArray(.text, of: keys) { $0.append(valueOf: $1) }
        do {
            let parameters = [PostgreSQLParameter.array(scopes), .array(values)]
            _ = try session.connection.ask(
                .init(sql: statements.mark, parameters: parameters),
                by: opener.statementDeadline
            )
        } catch {
            if error.endsConnection { lose() }
            throw error
        }
        // What came together with the answer does not show on the socket any more.
        hear()
    }
}
#endif
