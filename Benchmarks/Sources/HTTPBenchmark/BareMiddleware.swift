#if HTTP
import HTTPTypes
import Hummingbird
import NIOCore

/// The least that a middleware does which can answer for a handler: it reads the request's body, has the handler run where nobody
/// cancels it, and reads the response's body. It knows no keys, and keeps nothing.
struct BareMiddleware: RouterMiddleware {
    /// Handed over to another task, and not shared.
    private struct Next: @unchecked Sendable {
        let respond: @concurrent (Request, BasicRequestContext) async throws -> Response
    }

    private final class Body: ResponseBodyWriter {
        var bytes: [UInt8] = []

        func write(_ buffer: ByteBuffer) {
            bytes += buffer.readableBytesView
        }

        consuming func finish(_ trailers: HTTPFields?) {}
    }

    @concurrent func handle(
        _ request: Request,
        context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        var request = request
        _ = try await request.collectBody(upTo: 1000)
        return try await withoutActuallyEscaping(next) { next in
            let next = Next(respond: next)
            let run: @Sendable () async throws -> Response = { [request] in
                var response = try await next.respond(request, context)
                let body = Body()
                try await response.body.write(body)
                response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: body.bytes))
                return response
            }
            if #available(macOS 26, *) { return try await Task.immediate { try await run() }.value }
            return try await Task { try await run() }.value
        }
    }
}
#endif
