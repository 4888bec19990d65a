/// What the store needs of a driver: commands are sent, and replies come back.
///
/// The store comes with a client on hiredis (`HiredisClient`, with the trait `Redis`). A service that has another driver
/// already makes it conform:
///
/// - **One connection, in order**: the commands of a call go over one connection, one after the other, with nobody's
///   `MULTI` around them. Between them others' commands may come.
/// - **The primary**: commands never go to a replica that lags behind.
/// - **Errors are replies**: what the server refuses is ``RedisReply/error(_:)``, in its place among the replies; an error is
///   thrown only where nobody knows whether the commands ran.
/// - **Bounded in time**: every call ends, with an error if the server does not answer.
/// - **Never repeated**: a call that failed is not sent again. The store's caller does that, and knows how.
@available(Idempotency 0.1, *)
public protocol RedisClient: Sendable {
    /// Sends commands.
    ///
    /// - Parameter commands: The commands. All of a call's keys share a hash slot, unless it ends with `WAIT`
    ///   (``RedisStoreOptions/replicas``).
    /// - Returns: A reply for each, in order.
    /// - Throws: An error if they may have run or not.
    nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws -> [RedisReply]
}
