#if PostgreSQL
internal import Idempotency

/// When something is given up, on a clock that is never set.
@available(Idempotency 0.1, *)
struct PostgreSQLDeadline: Sendable {
    private let end: Nanoseconds

    private static let time = MonotonicTime(ContinuousClock())

    static var now: Nanoseconds { time.now() }

    init(in span: Duration) { end = Self.now.addingClamped(max(0, span.nanoseconds)) }

    private init(end: Nanoseconds) { self.end = end }

    /// The earlier of two.
    static func earlier(_ one: PostgreSQLDeadline, _ other: PostgreSQLDeadline) -> PostgreSQLDeadline {
        PostgreSQLDeadline(end: min(one.end, other.end))
    }

    var left: Duration { .nanoseconds(max(0, end - Self.now)) }

    var isOver: Bool { end <= Self.now }

    /// As poll(2) takes it: rounded up, so that zero means over.
    var millisecondsLeft: Int32 {
        let left = max(0, end.addingClamped(-Self.now))
        return Int32(clamping: left / 1_000_000 + (left % 1_000_000 == 0 ? 0 : 1))
    }
}
#endif
