import HTTPTypes
import Hummingbird
import Idempotency
import IdempotencyHTTP
import IdempotencyHummingbird
import NIOCore

/// The service's routes.
struct Routes {
    private let bank: Bank
    private let interceptor: IdempotencyInterceptor
    private let requestsWithout = RequestLog()
    private let requestsWith = RequestLog()

    init(bank: Bank, interceptor: IdempotencyInterceptor) {
        self.bank = bank
        self.interceptor = interceptor
    }

    func router() -> Router<PaymentContext> {
        // Many clients send keys without the quotes that the draft asks for; this service takes both.
        var policy = HTTPIdempotencyPolicy()
        policy.acceptsBareKeys = true
        let rules = HTTPIdempotency(interceptor: interceptor, policy: policy)

        let router = Router(context: PaymentContext.self)
        router.group()
            .add(middleware: RequestLogMiddleware(log: requestsWith))
            .add(middleware: DemoAuthentication())
            // This is all: who is let in comes before it, the handler after it.
            .add(middleware: IdempotencyMiddleware(rules) { _, context in context.user })
            .post("payments") { request, context in try await pay(request, context, .with) }
        router.group()
            .add(middleware: RequestLogMiddleware(log: requestsWithout))
            .add(middleware: DemoAuthentication())
            .post("unprotected/payments") { request, context in try await pay(request, context, .without) }
        router.group()
            .add(middleware: DemoAuthentication())
            .get("payments/:number", use: receipt)
        router.get("/", use: page)
        router.get("state", use: state)
        return router
    }

    /// The handler, the same on both sides.
    private func pay(
        _ request: Request,
        _ context: PaymentContext,
        _ side: Side
    ) async throws -> EditedResponse<Receipt> {
        let payment = try await request.decode(as: Payment.self, context: context)
        try payment.validate()
        // A run may be repeated after a crash, when nobody knows how far it came. All its runs have this reference in common, so
        // that the bank charges once. On the other side there is no run, and nothing to tell a retry by.
        let reference = try context.idempotentExecution?.key(for: "bank").value
        let charge = try await bank.charge(
            payment,
            by: context.user!,
            on: side,
            reference: reference,
            taking: try delay(of: request)
        )
        return EditedResponse(
            status: .created,
            headers: [.location: "/payments/\(charge.number)"],
            response: Receipt(charge)
        )
    }

    /// How long the bank is to take: the page says so, to show a slow network. It is no part of what is asked for, and a retry may
    /// say something else.
    private func delay(of request: Request) throws -> Duration {
        guard let field = request.headers[HTTPField.Name("X-Bank-Delay")!] else { return .milliseconds(200) }
        guard let milliseconds = Int(field), (0...10_000).contains(milliseconds) else {
            throw HTTPError(.badRequest, message: "X-Bank-Delay must be 0 to 10000 milliseconds.")
        }
        return .milliseconds(milliseconds)
    }

    @Sendable private func receipt(_ request: Request, _ context: PaymentContext) async throws -> Receipt {
        let number = try context.parameters.require("number", as: Int.self)
        guard let charge = try await bank.book.charge(number), charge.user == context.user else {
            throw HTTPError(.notFound)
        }
        return Receipt(charge)
    }

    @Sendable private func page(_ request: Request, _ context: PaymentContext) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.page_html))
        )
    }

    /// `?limit=` says how many charges are listed.
    @Sendable private func state(_ request: Request, _ context: PaymentContext) async throws -> ServiceState {
        let limit = min(max(0, request.uri.queryParameters.get("limit", as: Int.self) ?? 50), 10_000)
        return ServiceState(
            without: .init(try await bank.book.charges(on: .without, limit: limit), requestsWithout),
            with: .init(try await bank.book.charges(on: .with, limit: limit), requestsWith)
        )
    }
}
