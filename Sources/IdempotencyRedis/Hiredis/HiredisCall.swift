#if Redis
internal import Idempotency

/// Commands that wait for their replies.
@available(Idempotency 0.1, *)
final class HiredisCall: Sendable {
    /// As it is sent.
    let message: [UInt8]
    /// How many replies answer it.
    let count: Int
    /// By when it is answered, or given up.
    let deadline: CallDeadline
    private let caller: UnsafeContinuation<[RedisReply], any Error>

    init(
        _ message: [UInt8],
        count: Int,
        by deadline: CallDeadline,
        _ caller: UnsafeContinuation<[RedisReply], any Error>
    ) {
        self.message = message
        self.count = count
        self.deadline = deadline
        self.caller = caller
    }

    /// Lets the caller go on: to be called once, by whoever has taken the call from the list that it was in.
    func answer(_ result: Result<[RedisReply], any Error>) { caller.resume(with: result) }
}
#endif
