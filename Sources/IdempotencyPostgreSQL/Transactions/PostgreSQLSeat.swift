#if PostgreSQL
internal import Dispatch
internal import Idempotency

/// A connection for handlers' transactions, one after the other, with the thread that waits for it.
@available(Idempotency 0.1, *)
final class PostgreSQLSeat: Sendable {
    let queue = DispatchQueue(label: "idempotency.postgresql.transaction", qos: .userInitiated)
    // Only ever touched on the queue, which runs one block at a time; that is why it may be shared.
    nonisolated(unsafe) var connection: PostgreSQLConnection?
    nonisolated(unsafe) private var generation = 0

    /// Makes sure that there is a connection, as far as can be told without a question to the server. On the queue.
    func connect(_ opener: PostgreSQLOpener) throws {
        let generation = opener.generation
        if let connection, connection.isAlive, generation == self.generation { return }
        connection = nil
        connection = try opener.open(by: CallDeadline(in: opener.options.connectTimeout))
        self.generation = generation
    }

    /// Gives the connection back as it was taken: what a handler set, locked, listens to or made for the session is gone for the
    /// next one. On the queue.
    func cleanUp(_ opener: PostgreSQLOpener) {
        // A pooler's connection is somebody else's by now.
        guard opener.hasSessions, let connection else { return }
        let answer = Result { () throws(PostgreSQLFailure) in
            try connection.ask(.init(sql: "DISCARD ALL", isKept: false), by: opener.statementDeadline)
        }
        if case .failure = answer { self.connection = nil }
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        let answer = OneShot<Value>()
        queue.async { answer.fire(body()) }
        return await answer.value()
    }
}
#endif
