#if Redis
internal import Idempotency

/// How a client talks to its server.
@available(Idempotency 0.1, *)
public struct HiredisOptions: Sendable {
    /// How long it may take to connect. A host's name is resolved beside that, for as long as the system takes.
    public var connectTimeout: Duration = .seconds(5)

    /// How long the server may take to reply; at most a minute. A call ends within twice that. The time that `WAIT` waits for
    /// replicas has to be shorter.
    public var replyTimeout: Duration = .seconds(5)

    /// The defaults.
    public init() {}

    func validate() throws(IdempotencyError) {
        guard connectTimeout >= .milliseconds(1) else {
            throw RedisErrors.unusable("The connect timeout has to be at least a millisecond.")
        }
        guard replyTimeout >= .milliseconds(1), replyTimeout <= .seconds(60) else {
            throw RedisErrors.unusable("The reply timeout has to be a millisecond to a minute.")
        }
    }
}
#endif
