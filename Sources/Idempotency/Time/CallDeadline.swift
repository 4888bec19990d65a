/// When something is given up, on a clock that is never set: for stores' drivers, which wait with system calls.
@available(Idempotency 0.1, *)
package struct CallDeadline: Sendable {
    private let end: Nanoseconds

    private static let time = MonotonicTime(ContinuousClock())

    private static var now: Nanoseconds { time.now() }

    package init(in span: Duration) { end = Self.now.addingClamped(max(0, span.nanoseconds)) }

    private init(end: Nanoseconds) { self.end = end }

    /// The earlier of two.
    package static func earlier(_ one: CallDeadline, _ other: CallDeadline) -> CallDeadline {
        CallDeadline(end: min(one.end, other.end))
    }

    package var left: Duration { .nanoseconds(max(0, end - Self.now)) }

    package var isOver: Bool { end <= Self.now }

    /// As poll(2) takes it: rounded up, so that zero means over.
    package var millisecondsLeft: Int32 {
        let left = max(0, end.addingClamped(-Self.now))
        return Int32(clamping: left / 1_000_000 + (left % 1_000_000 == 0 ? 0 : 1))
    }
}
