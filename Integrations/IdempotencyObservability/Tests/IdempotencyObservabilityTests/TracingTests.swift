import Idempotency
import IdempotencyObservability
import InMemoryTracing
import Testing
import Tracing

@Suite("Tracing", .timeLimit(.minutes(10)))
struct TracingTests {
    private let tracer = InMemoryTracer()
    private let node: Node

    init() {
        node = Node(tellingAlso: TracingObserver(tracer: tracer))
    }

    private func span() throws -> FinishedInMemorySpan {
        let spans = tracer.finishedSpans.filter { $0.operationName == "idempotency charge" }
        try #require(spans.count == 1)
        return spans[0]
    }

    private func attribute(_ name: String) throws -> SpanAttribute? { try span().attributes.get(name) }

    /// A call in a span, without an observer that would find its span by itself.
    private func call(
        _ key: IdempotencyKey = Secret.key(),
        _ policy: OperationPolicy = .standard,
        fingerprint: Fingerprint? = nil,
        handler: @escaping @Sendable () async throws -> String = { Secret.marker }
    ) async throws -> IdempotentOutcome<String> {
        try await withIdempotencySpan(key, tracer: tracer) { _ in
            try await node.interceptor.applying(policy).outcome(key: key, fingerprint: fingerprint) { _ in
                try await handler()
            }
        }
    }

    @Test("A call that ran: the outcome is `ran`, and what its handler traces is below the span")
    func ran() async throws {
        let tracer = tracer
        _ = try await call {
            tracer.withSpan("bank") { _ in Secret.marker }
        }
        let span = try span()
        #expect(span.attributes.get("idempotency.operation") == .string("charge"))
        #expect(span.attributes.get("idempotency.outcome") == .string("ran"))
        #expect(span.attributes.get("idempotency.attempt") == .int64(1))
        #expect(span.attributes.get("idempotency.error.type") == nil)
        #expect(span.status == nil)
        #expect(span.kind == .internal)
        #expect(tracer.finishedSpans.first { $0.operationName == "bank" }?.parentSpanID == span.spanID)
        #expect(span.events.map(\.name) == ["idempotency.claimed", "idempotency.completed"])
    }

    @Test("A duplicate: the outcome is `replayed`")
    func replayed() async throws {
        _ = try await node.interceptor.idempotent(key: Secret.key()) { _ in Secret.marker }
        _ = try await call()
        #expect(try attribute("idempotency.outcome") == .string("replayed"))
        #expect(try span().events.map(\.name) == ["idempotency.replayed"])
    }

    @Test("A call that did not wait: the outcome is `inProgress`")
    func inProgress() async throws {
        let finish = Gate()
        let running = await node.run(Secret.key(), until: finish)
        _ = try await call(Secret.key(), OperationPolicy(waitLimit: .zero))
        #expect(try attribute("idempotency.outcome") == .string("inProgress"))
        finish.open()
        _ = try await running.value
    }

    @Test("A key whose run is not known: the outcome is `unknown`")
    func unknown() async throws {
        let strict = try OperationPolicy(lapse: .refuse)
        _ = try? await node.interceptor.applying(strict).outcome(key: Secret.key()) { _ -> String in
            throw TalkativeError()
        }
        _ = try await call(Secret.key(), strict)
        #expect(try attribute("idempotency.outcome") == .string("unknown"))
        #expect(try span().status == nil)
    }

    @Test(
        "A handler that throws: `failed`, the error's type, the status of an error, and the error itself to the caller"
    )
    func handlerThrows() async throws {
        await #expect(throws: TalkativeError.self) {
            _ = try await call { throw TalkativeError() }
        }
        #expect(try attribute("idempotency.outcome") == .string("failed"))
        #expect(try attribute("idempotency.error.type") == .string("TalkativeError"))
        #expect(try attribute("idempotency.error.code") == nil)
        #expect(try span().status == SpanStatus(code: .error))
    }

    @Test("A refused call: `failed`, and the library's code")
    func refused() async throws {
        _ = try await node.interceptor.idempotent(key: Secret.key(), fingerprint: Secret.payload("a")) { _ in
            Secret.marker
        }
        await #expect(throws: IdempotencyError.self) {
            _ = try await call(fingerprint: Secret.payload("b"))
        }
        #expect(try attribute("idempotency.outcome") == .string("failed"))
        #expect(try attribute("idempotency.error.code") == .string("fingerprintMismatch"))
    }

    @Test("Another attempt: its number is on the span, whatever the handler calls, and in the events")
    func attempt() async throws {
        _ = try? await node.interceptor.outcome(key: Secret.key()) { _ -> String in throw TalkativeError() }
        let node = node
        _ = try await call { try await node.interceptor.idempotent(key: Secret.key("inner")) { _ in Secret.marker } }
        let span = try span()
        #expect(span.attributes.get("idempotency.attempt") == .int64(2))
        #expect(span.events.map { $0.attributes.get("idempotency.attempt") } == [2, 1, 1, 2].map { .int64($0) })
    }

    @Test("A run without protection has no attempt, and none of what its handler calls")
    func unprotected() async throws {
        let node = node
        node.store.fail(with: TalkativeError())
        _ = try await call(Secret.key(), OperationPolicy(storeFailure: .failOpen)) {
            node.store.fail(with: nil)
            return try await node.interceptor.idempotent(key: Secret.key("inner")) { _ in Secret.marker }
        }
        #expect(try attribute("idempotency.outcome") == .string("ran"))
        #expect(try attribute("idempotency.attempt") == nil)
    }

    @Test("What a handler calls in a span of its own is told of on that span")
    func deeperSpan() async throws {
        let (node, tracer) = (node, tracer)
        _ = try await call {
            try await tracer.withSpan("mail") { _ in
                try await node.interceptor.idempotent(key: Secret.key("m", operation: "mail")) { _ in Secret.marker }
            }
        }
        let names = ["idempotency.claimed", "idempotency.completed"]
        let mail = try #require(tracer.finishedSpans.first { $0.operationName == "mail" })
        #expect(mail.events.map(\.name) == names)
        #expect(try span().events.map(\.name) == names)
    }

    @Test("Without an observer the span has the outcome all the same")
    func withoutObserver() async throws {
        let plain = Node()
        let key = Secret.key()
        _ = try await withTracer(tracer) {
            try await withIdempotencySpan(key) { _ in
                try await plain.interceptor.outcome(key: key) { _ in Secret.marker }
            }
        }
        #expect(try attribute("idempotency.outcome") == .string("ran"))
        #expect(try span().events.isEmpty)
    }

    @Test("The call runs in the caller's isolation, and may touch what is the caller's alone")
    func isolation() async throws {
        actor Till {
            var count = 0
            func charge(_ node: Node, _ tracer: InMemoryTracer) async throws -> Int {
                let key = Secret.key()
                return try await withIdempotencySpan(key, tracer: tracer) { span in
                    span.attributes["till"] = 7
                    return try await node.interceptor.outcome(key: key) { _ in
                        count += 1
                        return count
                    }
                }.get()
            }
        }
        let till = Till()
        for _ in 1...2 { #expect(try await till.charge(node, tracer) == 1) }
        #expect(tracer.finishedSpans.map { $0.attributes.get("till") } == [.int64(7), .int64(7)])
    }

    @Test("An observer adds every event of a call to the span that is active there, and no secret to any span")
    func everyEvent() async throws {
        let everyKind = try await tracer.withSpan("request") { _ in
            try await EveryKind.happens(tellingAlso: TracingObserver(tracer: tracer))
        }
        let request = try #require(tracer.finishedSpans.first)
        let names = Set(request.events.map(\.name))
        // Renewals happen in a task of the interceptor's own. And a store that fails there is not told of here either.
        let inTheBackground: Set<IdempotencyEvent.Kind> = [.renewed, .notRenewed]
        for kind in Set(everyKind.log.events.map(\.kind)).subtracting(inTheBackground) {
            #expect(names.contains("idempotency.\(kind)"))
        }
        let unsaved = try #require(request.events.first { $0.name == "idempotency.storeBroken" })
        #expect(unsaved.attributes.get("idempotency.operation") == .string("charge"))
        #expect(unsaved.attributes.get("idempotency.error.code") == .string("brokenStore"))
        let lost = try #require(request.events.first { $0.name == "idempotency.leaseLost" })
        #expect(lost.attributes.get("idempotency.duration_seconds") == .double(51))
        let replayed = try #require(request.events.first { $0.name == "idempotency.replayed" })
        #expect(replayed.attributes.get("idempotency.state") == .string("done"))
        var text = ""
        dump(tracer.finishedSpans, to: &text)
        #expect(text.contains("TalkativeError") && text.contains("brokenStore"))
        #expect(!text.contains(Secret.marker))
    }

    @Test("No span of a call holds a secret, whatever becomes of the call")
    func nothingLeaks() async throws {
        _ = try await call()
        _ = try await call()
        _ = try? await call(Secret.key("throws")) { throw TalkativeError() }
        _ = try? await call(fingerprint: Secret.payload("other"))
        _ = try? await withIdempotencySpan(Secret.key("declined"), tracer: tracer) { _ in
            try await node.interceptor.outcome(key: Secret.key("declined"), failures: Declined.self) { _ -> String in
                throw Declined()
            }
        }
        var text = ""
        dump(tracer.finishedSpans, to: &text)
        #expect(tracer.finishedSpans.count == 5)
        #expect(text.contains("Declined") && !text.contains(Secret.marker))
    }

    @Test("A tracer that does not know its active span: the events are on the span of the call")
    func tracerWithoutActiveSpan() async throws {
        let blind = BlindTracer(base: tracer)
        let node = Node(tellingAlso: TracingObserver(tracer: blind))
        let key = Secret.key()
        _ = try await withIdempotencySpan(key, tracer: blind) { _ in
            try await node.interceptor.outcome(key: key, task: .own) { _ in Secret.marker }
        }
        #expect(try span().events.map(\.name) == ["idempotency.claimed", "idempotency.completed"])
        _ = try await node.interceptor.outcome(key: key) { _ in Secret.marker }
        #expect(try span().events.count == 2)
    }
}

/// Makes spans, and does not find them again: what the protocol does by default.
private struct BlindTracer: Tracer {
    let base: InMemoryTracer

    func startSpan<Instant: TracerInstant>(
        _ operationName: String,
        context: @autoclosure () -> InstrumentationContext,
        ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant,
        function: String,
        file fileID: String,
        line: UInt
    ) -> InMemorySpan {
        base.startSpan(
            operationName,
            context: context(),
            ofKind: kind,
            at: instant(),
            function: function,
            file: fileID,
            line: line
        )
    }

    func forceFlush() {}

    func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext,
        into carrier: inout Carrier,
        using injector: Inject
    ) where Carrier == Inject.Carrier {}

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier,
        into context: inout InstrumentationContext,
        using extractor: Extract
    ) where Carrier == Extract.Carrier {}
}
