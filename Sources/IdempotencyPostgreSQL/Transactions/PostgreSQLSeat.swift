#if PostgreSQL
internal import Dispatch
internal import Idempotency

/// A connection for handlers' transactions, one after the other, with the thread that waits for it.
@available(Idempotency 0.1, *)
final class PostgreSQLSeat: Sendable {
    let queue = DispatchQueue(label: "idempotency.postgresql.transaction", qos: .userInitiated)
    // Only ever touched on the queue, which runs one block at a time; that is why it may be shared.
    nonisolated(unsafe) var connection: PostgreSQLConnection?

    /// Makes sure that there is a connection, as far as can be told without a question to the server. On the queue.
    func connect(_ opener: PostgreSQLOpener) throws {
        if let connection, connection.isAlive { return }
        connection = nil
        connection = try opener.open(by: CallDeadline(in: opener.options.connectTimeout))
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        let answer = OneShot<Value>()
        queue.async { answer.fire(body()) }
        return await answer.value()
    }
}
#endif
