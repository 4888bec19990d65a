public import Idempotency
public import Tracing

/// Adds each event to the span that is active where it happens, as `idempotency.claimed`, `idempotency.replayed` and so on.
///
/// The span is the one that the tracer knows as active (not every tracer does), or else that of the call that
/// ``withIdempotencySpan(_:tracer:_:)`` is around. An event that happens in no call, such as a renewal, which the
/// interceptor makes in a task of its own, has no span and is not added anywhere: count and log it.
///
/// An observer opens no span. It learns that a run begins, but cannot make what the handler does the child of
/// anything. That is what ``withIdempotencySpan(_:tracer:_:)`` is for; the two work best together.
@available(Idempotency 0.1, *)
public struct TracingObserver: IdempotencyObserver {
    private let tracer: (any Tracer)?

    /// Makes an observer.
    ///
    /// - Parameter tracer: Knows the active span; by default the one that is bootstrapped, or bound to the task, at an event.
    public init(tracer: (any Tracer)? = nil) {
        self.tracer = tracer
    }

    /// Adds an event to the active span, with its operation, and its attempt, state, duration, and type and code of its error
    /// where it has them.
    ///
    /// - Parameter event: What happened.
    public func observe(_ event: IdempotencyEvent) {
        let call = CallSpan.current
        call?.note(event)
        guard let span = activeSpan() ?? call?.span, span.isRecording else { return }
        var attributes: SpanAttributes = [:]
        attributes[DetailName.operation] = event.scope.operation
        attributes[DetailName.keyReference] = event.keyReference
        if let state = event.state { attributes[DetailName.state] = state.rawValue }
        if event.attempt > 0 { attributes[DetailName.attempt] = event.attempt }
        if let duration = event.duration { attributes[DetailName.durationInSeconds] = duration / .seconds(1) }
        if let error = event.error { attributes.describe(error) }
        span.addEvent(SpanEvent(name: "idempotency.\(event.kind)", attributes: attributes))
    }

    private func activeSpan() -> (any Tracing.Span)? {
        guard let context = InstrumentationContext.current else { return nil }
        return (tracer ?? InstrumentationSystem.tracer).activeSpan(identifiedBy: context)
    }
}

extension SpanAttributes {
    /// Notes the error's type, and its code if it is the library's; never its text.
    @available(Idempotency 0.1, *)
    mutating func describe(_ error: any Error) {
        let summary = ErrorSummary(error)
        self[DetailName.errorType] = summary.type
        if let code = summary.code { self[DetailName.errorCode] = code }
    }
}
