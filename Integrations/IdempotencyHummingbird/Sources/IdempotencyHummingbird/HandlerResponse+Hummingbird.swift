internal import HTTPTypes
internal import Hummingbird
internal import IdempotencyHTTP
internal import NIOCore

@available(Idempotency 0.1, *)
extension HandlerResponse<Response> {
    /// Collects a response's body, if its length is known and not over a limit, and there are no trailers.
    init(collecting response: Response, upTo limit: Int) async throws {
        let fields = response.headers.map { HeaderField($0.name.rawName, $0.value) }
        guard let length = response.body.contentLength, length <= limit else {
            self.init(response, status: response.status.code, fields: fields, body: nil)
            return
        }
        let collected = CollectedBody()
        try await response.body.write(CollectingWriter(body: collected))
        // As the framework would have to send it: less than was announced is no response, and more is not what was meant.
        guard collected.buffer.readableBytes == length else { throw HTTPError(.internalServerError) }
        var response = response
        let (buffer, trailers) = (collected.buffer, collected.trailers)
        if trailers == nil {
            response.body = length == 0 ? ResponseBody() : ResponseBody(byteBuffer: buffer)
        } else {
            response.body = ResponseBody(contentLength: length) { writer in
                try await writer.write(buffer)
                try await writer.finish(trailers)
            }
        }
        self.init(
            response,
            status: response.status.code,
            fields: fields,
            body: trailers == nil ? Array(buffer.readableBytesView) : nil
        )
    }
}

/// What a response's body wrote.
private final class CollectedBody {
    var buffer = ByteBuffer()
    var trailers: HTTPFields?
}

private struct CollectingWriter: ResponseBodyWriter {
    let body: CollectedBody

    func write(_ buffer: ByteBuffer) {
        if body.buffer.readableBytes == 0 {
            body.buffer = buffer
        } else {
            body.buffer.writeImmutableBuffer(buffer)
        }
    }

    consuming func finish(_ trailers: HTTPFields?) {
        body.trailers = trailers
    }
}
