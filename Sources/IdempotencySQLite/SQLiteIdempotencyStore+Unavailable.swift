#if !SQLite
/// The store on SQLite. It is there with the trait `SQLite`, which needs the C library libsqlite3.
@available(*, unavailable, message: "enable the trait \"SQLite\" of swift-idempotency, and install libsqlite3-dev")
public final class SQLiteIdempotencyStore {}
#endif
