#if !PostgreSQL
/// The store on PostgreSQL. It is there with the trait `PostgreSQL`, which needs the C library libpq.
@available(*, unavailable, message: "enable the trait \"PostgreSQL\" of swift-idempotency, and install libpq-dev")
public final class PostgreSQLIdempotencyStore {}
#endif
