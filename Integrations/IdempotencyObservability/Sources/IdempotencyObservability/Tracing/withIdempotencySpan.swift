public import Idempotency
public import Tracing

/// Opens a span around a call, and notes on it what became of the call.
///
/// ```swift
/// let outcome = try await withIdempotencySpan(key) { _ in
///     try await interceptor.outcome(key: key, fingerprint: fingerprint) { execution in
///         try await bank.charge(request.cents, reference: execution.key(for: "bank").value)
///     }
/// }
/// let receipt = try outcome.get()
/// ```
///
/// The span is called `idempotency <operation>`, is of the kind `internal`, and what the handler traces is below it. It
/// carries `idempotency.operation`; `idempotency.key_reference`, by which whoever has the key finds it; `idempotency.outcome`, which is `ran`, `replayed`, `inProgress`, `unknown`, or `failed` if
/// an error was thrown; and of that error `idempotency.error.type`, and `idempotency.error.code` if it is an
/// `IdempotencyError`. With a ``TracingObserver`` on the interceptor it also carries `idempotency.attempt` and every event.
///
/// It is a function around the call and takes an outcome, because that says without guessing whether the handler ran; and
/// not the tracer's own `withSpan`, because that hands a thrown error, with its text, to the backend.
///
/// - Parameters:
///   - key: The key of the call; of it only the operation and the reference are noted.
///   - tracer: Makes the span; by default the one that is bootstrapped, or bound to the task.
///   - call: Calls `outcome(key:fingerprint:failures:handler:)` with that key, in the caller's isolation. It may add to the
///     span, and must not end it.
/// - Returns: The outcome, as it is.
/// - Throws: What `call` throws, as it is.
@available(Idempotency 0.1, *)
public nonisolated(nonsending) func withIdempotencySpan<Value>(
    _ key: IdempotencyKey,
    tracer: (any Tracer)? = nil,
    _ call: nonisolated(nonsending) (any Tracing.Span) async throws -> IdempotentOutcome<Value>
) async throws -> IdempotentOutcome<Value> {
    let operation = key.scope.operation
    let span: any Tracing.Span = (tracer ?? InstrumentationSystem.tracer).startSpan("idempotency \(operation)")
    defer { span.end() }
    span.attributes[DetailName.operation] = operation
    span.attributes[DetailName.keyReference] = key.reference
    do {
        let outcome = try await InstrumentationContext.$current.withValue(span.context) {
            try await CallSpan.$current.withValue(CallSpan(span, of: key)) { try await call(span) }
        }
        span.attributes[DetailName.outcome] = name(of: outcome)
        return outcome
    } catch {
        span.updateAttributes { attributes in
            attributes[DetailName.outcome] = "failed"
            attributes.describe(error)
        }
        span.setStatus(SpanStatus(code: .error))
        throw error
    }
}

@available(Idempotency 0.1, *)
private func name<Value>(of outcome: IdempotentOutcome<Value>) -> String {
    switch outcome {
    case .ran: "ran"
    case .replayed: "replayed"
    case .inProgress: "inProgress"
    case .unknown: "unknown"
    }
}
