import HTTPTypes
import Hummingbird
import Idempotency
import IdempotencyHTTP
import IdempotencyHummingbird
import IdempotencyInMemory
import NIOCore
import Synchronization

/// The context of the service's requests.
struct PaymentsContext: IdempotentRequestContext {
    var coreContext: CoreRequestContextStorage
    var idempotentExecution: IdempotentExecution?

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
    }
}

/// A service whose handler counts its runs, and can be held up.
final class Payments: Sendable {
    private struct State {
        var runs = 0
        var ended = 0
        var bodies: [String] = []
    }

    let store = InMemoryIdempotencyStore()
    let interceptor: IdempotencyInterceptor
    let rules: HTTPIdempotency
    /// A handler on `/held` says that it has begun, and waits for the other.
    let entered = Gate()
    let finish = Gate()
    private let state = Mutex(State())

    var runs: Int { state.withLock { $0.runs } }
    /// How many of them came to their end.
    var ended: Int { state.withLock { $0.ended } }
    var bodies: [String] { state.withLock { $0.bodies } }

    init(_ operation: OperationPolicy = .standard, _ adjust: (inout HTTPIdempotencyPolicy) -> Void = { _ in }) {
        interceptor = IdempotencyInterceptor(store: store, policy: operation)
        var policy = HTTPIdempotencyPolicy()
        adjust(&policy)
        rules = HTTPIdempotency(interceptor: interceptor, policy: policy)
    }

    private func begin() -> Int {
        state.withLock { state in
            state.runs += 1
            return state.runs
        }
    }

    private func end() {
        state.withLock { $0.ended += 1 }
    }

    func router() -> Router<PaymentsContext> {
        let router = Router(context: PaymentsContext.self)
        let group = router.group()
            .add(
                middleware: IdempotencyMiddleware(rules) { request, _ in
                    guard let user = request.headers[.authorization] else { return nil }
                    if user == "revoked" { throw HTTPError(.unauthorized) }
                    return user
                }
            )
        group.post("payments") { request, context -> Response in
            let run = self.begin()
            let body = String(buffer: try await request.body.collect(upTo: .max))
            self.state.withLock { $0.bodies.append(body) }
            defer { self.end() }
            return Response(
                status: .created,
                headers: [
                    .contentType: "application/json", .location: "/payments/\(run)", .setCookie: "session=\(run)",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "{\"run\":\(run)}"))
            )
        }
        group.post("payments/{id}/refunds") { _, context -> String in
            let run = self.begin()
            defer { self.end() }
            return try "\(run) \(context.parameters.require("id"))"
        }
        group.post("held") { _, _ -> String in
            let run = self.begin()
            self.entered.open()
            await self.finish.wait()
            // A handler that looks whether it is cancelled must not find that it is.
            try Task.checkCancellation()
            self.end()
            return "held \(run)"
        }
        group.post("large") { _, _ -> String in
            _ = self.begin()
            defer { self.end() }
            return String(repeating: "x", count: 900_000)
        }
        group.post("thrown/{status}") { _, context -> String in
            let run = self.begin()
            defer { self.end() }
            let status = try context.parameters.require("status", as: Int.self)
            throw HTTPError(.init(code: status), headers: [.eTag: "\"\(run)\""], message: "run \(run)")
        }
        group.post("stream") { _, _ -> Response in
            let run = self.begin()
            defer { self.end() }
            return Response(
                status: .ok,
                body: ResponseBody { writer in
                    try await writer.write(ByteBuffer(string: "stream "))
                    try await writer.write(ByteBuffer(string: "\(run)"))
                    try await writer.finish(nil)
                }
            )
        }
        group.post("chunks") { _, _ -> Response in
            let run = self.begin()
            defer { self.end() }
            return Response(
                status: .ok,
                body: ResponseBody(contentsOf: ["chunk ", "\(run)", "."].map { ByteBuffer(string: $0) })
            )
        }
        group.post("held-body") { _, _ -> Response in
            _ = self.begin()
            return Response(
                status: .ok,
                body: ResponseBody(contentLength: 5) { writer in
                    try await writer.write(ByteBuffer(string: "hel"))
                    self.entered.open()
                    await self.finish.wait()
                    if !Task.isCancelled { try await writer.write(ByteBuffer(string: "lo")) }
                    self.end()
                    try await writer.finish(nil)
                }
            )
        }
        group.post("wrong-length/{length}") { _, context -> Response in
            _ = self.begin()
            defer { self.end() }
            let length = try context.parameters.require("length", as: Int.self)
            return Response(
                status: .ok,
                body: ResponseBody(contentLength: 5) { writer in
                    try await writer.write(ByteBuffer(string: String(repeating: "x", count: length)))
                    try await writer.finish(nil)
                }
            )
        }
        group.post("passed-on") { _, _ -> Response in
            _ = self.begin()
            defer { self.end() }
            return Response(
                status: .ok,
                headers: [
                    HTTPField.Name("Idempotent-Replayed")!: "true", HTTPField.Name("Idempotency-Key-Lifetime")!: "1",
                ]
            )
        }
        group.post("trailers") { _, _ -> Response in
            let run = self.begin()
            defer { self.end() }
            return Response(
                status: .ok,
                headers: [.trailer: "X-Run", .transferEncoding: "chunked"],
                body: ResponseBody(contentLength: 2) { writer in
                    try await writer.write(ByteBuffer(string: "ok"))
                    try await writer.finish([HTTPField.Name("X-Run")!: "\(run)"])
                }
            )
        }
        group.post("empty") { _, _ -> HTTPResponse.Status in
            _ = self.begin()
            defer { self.end() }
            return .noContent
        }
        group.post("execution") { _, context -> String in
            _ = self.begin()
            defer { self.end() }
            guard let execution = context.idempotentExecution, let token = execution.token else { return "none" }
            return try "\(token) \(execution.key(for: "bank").value)"
        }
        group.get("payments") { _, context -> String in
            context.idempotentExecution == nil ? "unprotected" : "protected"
        }
        return router
    }
}
