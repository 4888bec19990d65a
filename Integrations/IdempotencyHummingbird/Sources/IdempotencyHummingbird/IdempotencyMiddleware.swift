internal import HTTPTypes
public import Hummingbird
internal import Idempotency
public import IdempotencyHTTP
internal import NIOCore

/// Runs the handlers of protected requests once for each `Idempotency-Key`, and answers repetitions with the first response.
///
/// Add it to a group of routes, after the middleware that authenticates: whatever stands before it runs for each request, also
/// for those that are answered with a kept response.
///
/// ```swift
/// router.group()
///     .add(middleware: Authentication())
///     .add(middleware: IdempotencyMiddleware(HTTPIdempotency(interceptor: interceptor)) { _, context in context.user?.id })
///     .post("payments") { request, context in … }
/// ```
///
/// What a handler answers is one response, be it returned or thrown as an `HTTPResponseError`; any other error is thrown on. The
/// handler runs to its end, and its response is kept, although the client has gone or the server is shutting down.
@available(Idempotency 0.1, *)
public struct IdempotencyMiddleware<Context: RequestContext>: RouterMiddleware {
    /// Who sent a request, as authenticated: one and the same text for each of the sender's requests. `nil`: nobody knows.
    ///
    /// It must not read the body, which can be read once: what needs it, such as a signature's check, collects it in a middleware
    /// before this one (`Request.collectBody(upTo:)`).
    public typealias Principal = @Sendable (Request, Context) async throws -> String?

    /// What comes next, up to the handler. It is handed over to another task and not shared: the middleware does nothing with it
    /// until that task has ended, and waits for that even if it is cancelled.
    private struct Next: @unchecked Sendable {
        let respond: @concurrent (Request, Context) async throws -> Response
    }

    private let rules: HTTPIdempotency
    private let principal: Principal
    private let attach: @Sendable (inout Context, IdempotentExecution) -> Void

    /// Makes the middleware.
    ///
    /// - Parameters:
    ///   - rules: The rules of the routes that it is added to.
    ///   - principal: Who sent a request. Asked for requests with a key alone; what it throws is thrown on.
    public init(_ rules: HTTPIdempotency, principal: @escaping Principal) {
        self.init(rules, principal) { _, _ in }
    }

    /// Makes the middleware for a context that hands the run to the handler.
    ///
    /// - Parameters:
    ///   - rules: The rules of the routes that it is added to.
    ///   - principal: Who sent a request. Asked for requests with a key alone; what it throws is thrown on.
    public init(_ rules: HTTPIdempotency, principal: @escaping Principal) where Context: IdempotentRequestContext {
        self.init(rules, principal) { context, execution in context.idempotentExecution = execution }
    }

    private init(
        _ rules: HTTPIdempotency,
        _ principal: @escaping Principal,
        attach: @escaping @Sendable (inout Context, IdempotentExecution) -> Void
    ) {
        self.rules = rules
        self.principal = principal
        self.attach = attach
    }

    /// Answers a request, or has the handler answer it.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - context: Its context.
    ///   - next: What comes next, up to the handler.
    /// - Throws: What the principal closure throws, and what the handler throws that is no response.
    @concurrent public func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let description = IdempotentRequest(request, route: context.endpointPath)
        switch try await rules.admit(description, principal: { _ in try await principal(request, context) }) {
        case .unprotected:
            return try await next(request, context)
        case .refused(let answer):
            return Response(answer)
        case .admitted(let admitted):
            return try await withoutActuallyEscaping(next) { next in
                try await respond(to: request, context, admitted, Next(respond: next))
            }
        }
    }

    private func respond(
        to request: Request,
        _ context: Context,
        _ admitted: AdmittedRequest,
        _ next: Next
    ) async throws -> Response {
        var request = request
        let body: ByteBuffer
        do {
            body = try await request.collectBody(upTo: admitted.maximumRequestBody)
        } catch is NIOTooManyBytesError {
            return Response(admitted.contentTooLarge)
        }
        if isCutOff(body, of: admitted.request) { return Response(admitted.contentIncomplete) }
        let reply = try await admitted.respond(body: body.readableBytesView) { [request] execution in
            var context = context
            attach(&context, execution)
            return try await uncancelled(request, context, next, upTo: admitted.maximumKeptBody)
        }
        switch reply {
        case .ran(var response, let fields):
            // What a handler passes on from a service behind it is about another key.
            for name in HTTPField.Name.ofTheRules where response.headers.contains(name) { response.headers[name] = nil }
            response.headers.append(fields)
            return response
        case .answered(let answer):
            return Response(answer)
        }
    }

    /// Whether a body is shorter than it was said to be. Where a stream just ends, as over HTTP/2, a request that was cut off must
    /// not run as a shorter one. What is encoded may have been decoded on the way, and have any length.
    private func isCutOff(_ body: ByteBuffer, of request: IdempotentRequest) -> Bool {
        guard let announced = request.contentLength, body.readableBytes < announced else { return false }
        return request.values(of: "Content-Encoding").allSatisfy { $0.lowercased() == "identity" }
    }

    /// The handler's response, from a task that nobody cancels.
    private func uncancelled(
        _ request: Request,
        _ context: Context,
        _ next: Next,
        upTo limit: Int
    ) async throws -> HandlerResponse<Response> {
        let hasRoute = context.endpointPath != nil
        let handler: @Sendable () async throws -> HandlerResponse<Response> = {
            let response: Response
            do {
                response = try await next.respond(request, context)
            } catch let error as any HTTPResponseError where hasRoute || context.endpointPath != "NotFound" {
                // That there is no such route is no answer of a handler's: there may be one tomorrow. A handler may set the
                // name as well, with a file that there is not.
                response = try error.response(from: request, context: context)
            }
            // Here too nobody is to be cancelled: a body that is cut off would be kept as a shorter one.
            return await HandlerResponse(collecting: response, upTo: limit)
        }
        // A handler that never waits is done with on this thread.
        if #available(macOS 26, iOS 26, watchOS 26, tvOS 26, visionOS 26, *) {
            return try await Task.immediate { try await handler() }.value
        }
        return try await Task { try await handler() }.value
    }
}
