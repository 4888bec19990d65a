@available(Idempotency 0.1, *)
extension RedisClient {
    /// Sends commands, and looks that each has a reply.
    ///
    /// - Throws: The store's own errors, with advice.
    nonisolated(nonsending) func sendAll(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        do {
            let replies = try await send(commands)
            guard replies.count == commands.count else { throw RedisErrors.unexpectedReply }
            return replies
        } catch {
            throw RedisErrors.error(for: error)
        }
    }

    /// Sends a command, whose refusal is an error.
    nonisolated(nonsending) func ask(_ command: RedisCommand) async throws -> RedisReply {
        try await sendAll([command])[0].checked()
    }
}

@available(Idempotency 0.1, *)
extension RedisReply {
    /// The reply, if it is not a refusal.
    func checked() throws -> RedisReply {
        if case .error(let text) = self { throw RedisErrors.error(for: RedisFailure(reply: text)) }
        return self
    }
}
