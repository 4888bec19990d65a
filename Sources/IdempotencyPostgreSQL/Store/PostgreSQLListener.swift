#if PostgreSQL
internal import Dispatch
internal import Idempotency
import Synchronization

/// Hears of changes that other processes make, for as long as somebody waits for one.
///
/// A key that is waited for is marked in its row; who changes a marked row tells of it after the commit. So nobody pays for
/// telling where nobody waits. Underneath everybody looks once a second: whatever gets lost costs time, and no wake-up.
/// Without sessions nothing can be heard; then everybody looks often.
@available(Idempotency 0.1, *)
final class PostgreSQLListener: Sendable {
    private struct Mark: Sendable {
        let key: IdempotencyKey
        let answer = OneShot<Result<Void, any Error>>()
    }

    private struct State {
        var marks: [Mark] = []
        var isClosed = false
    }

    private let queue = DispatchQueue(label: "idempotency.postgresql.listener", qos: .userInitiated)
    private let opener: PostgreSQLOpener
    private let statements: PostgreSQLStatements
    private let subscribers: ChangeSubscribers
    private let state = Mutex(State())
    // Only ever touched on the queue, which runs one block at a time; that is why they may be shared.
    nonisolated(unsafe) private var connection: PostgreSQLConnection?
    nonisolated(unsafe) private var source: (any DispatchSourceRead)?
    nonisolated(unsafe) private var isTicking = false
    nonisolated(unsafe) private var idleTicks = 0

    private static let keysAtOnce = 1000

    init(_ opener: PostgreSQLOpener, _ statements: PostgreSQLStatements, _ subscribers: ChangeSubscribers) {
        self.opener = opener
        self.statements = statements
        self.subscribers = subscribers
    }

    private var hasSession: Bool { opener.options.preparesStatements }

    /// Makes sure that changes of a key are heard of from now on.
    func listen(for key: IdempotencyKey) async throws {
        let mark = Mark(key: key)
        let starts = try state.withLock { state in
            if state.isClosed { throw PostgreSQLErrors.closed }
            state.marks.append(mark)
            return state.marks.count == 1
        }
        if starts { queue.async { self.work() } }
        try await mark.answer.value().get()
    }

    func close() async {
        state.withLock { $0.isClosed = true }
        let answer = OneShot<Void>()
        queue.async {
            self.disconnect()
            answer.fire(())
        }
        await answer.value()
    }

    // MARK: On the queue

    private func work() {
        let marks = state.withLock { state in
            defer { state.marks = [] }
            return state.marks
        }
        let result = Result { if hasSession { try self.mark(marks.map(\.key)) } }
        for mark in marks { mark.answer.fire(result.mapError { PostgreSQLErrors.error(for: $0, wasSent: false) }) }
        if !isTicking {
            isTicking = true
            idleTicks = 0
            tickLater()
        }
    }

    private func tickLater() {
        queue.asyncAfter(deadline: .now() + .milliseconds(hasSession ? 1000 : 25)) { self.tick() }
    }

    private func tick() {
        let isIdle = subscribers.isEmpty
        idleTicks = isIdle ? idleTicks + 1 : 0
        if idleTicks >= 5 || state.withLock({ $0.isClosed }) {
            isTicking = false
            disconnect()
            return
        }
        if !isIdle {
            // Also a row that was not there yet when somebody began to wait for it.
            if hasSession { try? mark(subscribers.keys) }
            subscribers.wakeAll()
        }
        tickLater()
    }

    private func mark(_ keys: [IdempotencyKey]) throws {
        do {
            let connection = try connected()
            let sorted = keys.sorted { $0.digest < $1.digest }
            for start in stride(from: 0, to: sorted.count, by: Self.keysAtOnce) {
                let keys = sorted[start..<min(start + Self.keysAtOnce, sorted.count)]
                let scopes = PostgreSQLArray(.text, of: keys) { $0.append($1.scope.text) }
                let values = PostgreSQLArray(.text, of: keys) { $0.append(valueOf: $1) }
                let command = PostgreSQLConnection.Command(
                    sql: statements.mark,
                    parameters: [.array(scopes), .array(values)]
                )
                _ = try connection.ask(command, by: opener.statementDeadline)
            }
            // What came together with the answer does not show on the socket any more.
            subscribers.wake(references: try connection.takeNotifications())
        } catch let failure as PostgreSQLFailure {
            if failure.endsConnection { disconnect() }
            throw failure
        }
    }

    private func connected() throws -> PostgreSQLConnection {
        if let connection { return connection }
        if state.withLock({ $0.isClosed }) { throw PostgreSQLErrors.closed }
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
        self.source = source
        self.connection = connection
        // Somebody may have changed something between the connection before and this one.
        subscribers.wakeAll()
        return connection
    }

    private func hear() {
        guard let connection else { return }
        do {
            subscribers.wake(references: try connection.takeNotifications())
        } catch {
            disconnect()
        }
    }

    private func disconnect() {
        source?.cancel()
        source = nil
        connection = nil
    }
}
#endif
