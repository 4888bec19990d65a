#if Redis
internal import CRedis
public import Idempotency

/// A client of one Redis or Valkey server on hiredis: one connection that all callers share, and one more while somebody
/// listens.
///
/// It connects when it is first used, and again when the connection was lost, with a growing pause after each failure; until
/// then calls fail at once. It does not know clusters or sentinels. It has TLS where the installed hiredis has: from version 1.0 on.
@available(Idempotency 0.1, *)
public final class HiredisClient: RedisSubscribingClient {
    private let address: RedisAddress
    private let options: HiredisOptions
    private let pipeline: HiredisPipeline

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - address: Where the server is: `redis://user:password@host:port/database`, where user, password, port and database
    ///     may be left out; `rediss://…` for TLS. What is special in them is percent-encoded.
    ///   - options: How to talk to it.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidConfiguration``.
    public init(_ address: String, options: HiredisOptions = HiredisOptions()) throws {
        try options.validate()
        self.address = try RedisAddress(address)
        self.options = options
        if self.address.usesTLS, idempotency_redis_has_tls() == 0 {
            throw RedisErrors.unusable(
                "The installed hiredis (before 1.0) has no TLS. Install a later one, or give the store another client."
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
