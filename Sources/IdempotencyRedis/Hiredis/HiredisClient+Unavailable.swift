#if !Redis
/// A client of a Redis server on hiredis. It is there with the trait `Redis`, which needs the C library hiredis.
@available(*, unavailable, message: "enable the trait \"Redis\" of swift-idempotency, and install libhiredis-dev")
public final class HiredisClient {}
#endif
