import HTTPTypes
import Hummingbird

/// Believes whoever says who they are, in the field `X-User`.
///
/// A DEMONSTRATION ONLY. A real service proves who sends a request: with a session, a token, a client's certificate. Whose key it
/// is depends on it, and so who is answered with a kept receipt.
struct DemoAuthentication: RouterMiddleware {
    @concurrent func handle(
        _ request: Request,
        context: PaymentContext,
        next: @concurrent (Request, PaymentContext) async throws -> Response
    ) async throws -> Response {
        guard let user = request.headers[HTTPField.Name("X-User")!], (1...100).contains(user.utf8.count) else {
            throw HTTPError(.unauthorized, message: "Say who you are: X-User: alice")
        }
        var context = context
        context.user = user
        return try await next(request, context)
    }
}
