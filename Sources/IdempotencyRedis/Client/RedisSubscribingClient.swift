public import Idempotency

/// A driver that can listen to a channel too: who waits for another process's run is then woken by it, and need not poll.
@available(Idempotency 0.1, *)
public protocol RedisSubscribingClient: RedisClient {
    /// Listens to a channel (`SUBSCRIBE`), on a connection of its own if need be.
    ///
    /// - Parameters:
    ///   - channel: The channel.
    ///   - onMessage: Called with the payload of each message, from any thread; with `nil` when the connection is lost, after
    ///     which nothing more comes.
    /// - Returns: The subscription, once the server has confirmed it; it ends when it is cancelled.
    /// - Throws: An error if the server cannot be reached, or refuses.
    nonisolated(nonsending) func subscribe(
        to channel: String,
        onMessage: @escaping @Sendable (_ payload: [UInt8]?) -> Void
    ) async throws -> any StoreSubscription
}
