internal import Idempotency
import Synchronization

/// Has writes confirmed by replicas before they are acknowledged.
///
/// `WAIT` looks at what its own connection has written, and holds up what comes after it there. So writes gather while others
/// are waited for, and travel together with one `WAIT` behind them.
@available(Idempotency 0.1, *)
final class RedisReplication: Sendable {
    private struct Call: Sendable {
        let command: RedisCommand
        /// Until when it is worth sending.
        let deadline: CallDeadline
        let answer = OneShot<Result<RedisReply, any Error>>()
    }

    private struct State {
        var waiting: [Call] = []
        var isAtWork = false
    }

    private let client: any RedisClient
    private let replicas: RedisStoreOptions.Replicas
    private let state = Mutex(State())

    /// How many writes share a `WAIT`, at most.
    private static let batchSize = 4096
    /// How many writes may wait.
    private static let capacity = 100_000

    init(_ client: any RedisClient, _ replicas: RedisStoreOptions.Replicas) {
        self.client = client
        self.replicas = replicas
    }

    /// Sends a write.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError`` if it is made, and too few replicas have confirmed it.
    func send(_ command: RedisCommand) async throws -> RedisReply {
        // Longer than two batches take that are not confirmed: the server looks at its clock ten times a second.
        let call = Call(command: command, deadline: CallDeadline(in: replicas.timeout * 2 + .seconds(1)))
        let starts = try state.withLock { state in
            guard state.waiting.count < Self.capacity else { throw RedisErrors.tooManyWrites }
            state.waiting.append(call)
            defer { state.isAtWork = true }
            return !state.isAtWork
        }
        // A task of its own: whose call it is that comes first does not matter, nor whether its caller is cancelled.
        if starts { Task { await work() } }
        return try await call.answer.value().get()
    }

    private func work() async {
        while true {
            let (batch, late) = state.withLock { state in
                let late = state.waiting.prefix { $0.deadline.isOver }
                state.waiting.removeFirst(late.count)
                let batch = Array(state.waiting.prefix(Self.batchSize))
                state.waiting.removeFirst(batch.count)
                state.isAtWork = !batch.isEmpty
                return (batch, late)
            }
            for call in late { call.answer.fire(.failure(RedisErrors.tooManyWrites)) }
            if batch.isEmpty { return }
            let milliseconds = max(1, replicas.timeout.nanoseconds / 1_000_000)
            let wait = RedisCommand("WAIT", String(replicas.count), String(milliseconds))
            do {
                let replies = try await client.sendAll(batch.map(\.command) + [wait])
                for (call, reply) in zip(batch, replies) {
                    call.answer.fire(Result { try self.answer(reply, confirmedBy: replies[batch.count]) })
                }
            } catch {
                for call in batch { call.answer.fire(.failure(error)) }
            }
        }
    }

    private func answer(_ reply: RedisReply, confirmedBy wait: RedisReply) throws -> RedisReply {
        // What was refused, or found something else there, has written nothing.
        guard case .integer = reply else { return reply }
        switch wait {
        case .integer(let count) where count >= replicas.count: return reply
        case .integer(let count): throw RedisErrors.tooFewReplicas(count, of: replicas.count)
        case .error: throw RedisErrors.error(for: RedisFailure("the server refused WAIT", mayHaveRun: true))
        case .null, .bytes, .array: throw RedisErrors.unexpectedReply
        }
    }
}
