#if Redis
public import Idempotency

/// A client of one Redis or Valkey server on hiredis: one connection that all callers share, and one more while somebody
/// listens.
///
/// It connects when it is first used, and again when the connection was lost, with a growing pause after each failure; until
/// then calls fail at once. It does not know clusters or sentinels, and has no TLS.
@available(Idempotency 0.1, *)
public final class HiredisClient: RedisSubscribingClient {
    private let address: RedisAddress
    private let options: HiredisOptions
    private let pipeline: HiredisPipeline

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - address: Where the server is: `redis://user:password@host:port/database`, where user, password, port and database
    ///     may be left out. What is special in them is percent-encoded.
    ///   - options: How to talk to it.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidConfiguration``.
    public init(_ address: String, options: HiredisOptions = HiredisOptions()) throws {
        try options.validate()
        self.address = try RedisAddress(address)
        self.options = options
        if self.address.usesTLS {
            throw RedisErrors.unusable(
                "The client on hiredis has no TLS. Give the store another client, or connect through a tunnel."
            )
        }
        pipeline = HiredisPipeline(self.address, options)
    }

    deinit { pipeline.end() }

    /// Sends commands, together with what else waits.
    ///
    /// - Parameter commands: The commands.
    /// - Returns: A reply for each, in order.
    /// - Throws: ``RedisFailure``.
    public nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        try await pipeline.send(commands)
    }

    /// Listens to a channel, on a connection of its own.
    public nonisolated(nonsending) func subscribe(
        to channel: String,
        onMessage: @escaping @Sendable (_ payload: [UInt8]?) -> Void
    ) async throws -> any StoreSubscription {
        let subscription = HiredisSubscription(onMessage: onMessage)
        try await subscription.begin(address, options, channel)
        return subscription
    }

    /// Ends what is under way and disconnects. Calls that come later fail.
    public func close() async { await pipeline.close() }
}
#endif
