internal import HTTPTypes
internal import Hummingbird
internal import IdempotencyHTTP
internal import NIOCore

@available(Idempotency 0.1, *)
extension HandlerResponse<Response> {
    /// Collects a response's body, if its length is known and not over a limit, and there are no trailers.
    init(collecting response: Response, upTo limit: Int) async {
        let fields = response.headers.map { HeaderField($0.name.rawName, $0.value) }
        guard let length = response.body.contentLength, length <= limit else {
            self.init(response, status: response.status.code, fields: fields, body: nil)
            return
        }
        let collected = CollectedBody(length: length)
        do {
            try await response.body.write(CollectingWriter(body: collected))
            guard collected.buffer.readableBytes == length else { throw WrongLength() }
        } catch {
            // The handler has run, and a retry must not run it again for want of its body.
            let failed = Response(status: .internalServerError)
            self.init(failed, status: response.status.code, fields: fields, body: nil)
            return
        }
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

/// A body wrote more or less than it was said to have.
private struct WrongLength: Error {}

/// What a response's body wrote.
private final class CollectedBody {
    let length: Int
    var buffer = ByteBuffer()
    var trailers: HTTPFields?

    init(length: Int) {
        self.length = length
    }
}

private struct CollectingWriter: ResponseBodyWriter {
    let body: CollectedBody

    func write(_ buffer: ByteBuffer) throws {
        guard body.buffer.readableBytes + buffer.readableBytes <= body.length else { throw WrongLength() }
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
