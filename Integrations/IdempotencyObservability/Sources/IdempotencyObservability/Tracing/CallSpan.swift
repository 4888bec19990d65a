internal import Idempotency
internal import Synchronization
internal import Tracing

/// The span of a call, for the events that happen in it.
@available(Idempotency 0.1, *)
final class CallSpan: Sendable {
    /// The innermost call that has a span. Tasks that a call starts inherit it, as they inherit the tracer's own context.
    @TaskLocal static var current: CallSpan?

    let span: any Tracing.Span
    private let scope: IdempotencyScope
    private let isDecided = Atomic(false)

    init(_ span: any Tracing.Span, of key: IdempotencyKey) {
        self.span = span
        scope = key.scope
    }

    /// Notes the attempt when the call is decided, if there is one. What its handler calls is decided after it, and is not
    /// noted here.
    func note(_ event: IdempotencyEvent) {
        guard event.scope == scope, Self.deciding.contains(event.kind) else { return }
        guard !isDecided.exchange(true, ordering: .relaxed), event.attempt > 0 else { return }
        span.attributes[DetailName.attempt] = event.attempt
    }

    private static let deciding: Set<IdempotencyEvent.Kind> = [
        .claimed, .takenOver, .replayed, .mismatched, .unknown, .refused, .failedOpen, .wouldHaveReplayed,
        .wouldHaveRefused,
    ]
}
