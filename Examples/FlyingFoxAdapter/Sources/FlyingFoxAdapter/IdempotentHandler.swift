import FlyingFox
import Foundation
import Idempotency
import IdempotencyHTTP

/// Runs a handler of FlyingFox's once for each `Idempotency-Key`, and answers repetitions with the first response.
struct IdempotentHandler: HTTPHandler {
    let rules: HTTPIdempotency
    /// The route that it is added to, as the service writes it: FlyingFox does not tell a handler.
    let route: String
    let principal: @Sendable (HTTPRequest) async throws -> String?
    /// The work; without an execution for a request that is not protected.
    let handler: @Sendable (HTTPRequest, IdempotentExecution?) async throws -> HTTPResponse

    func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
        let fields = request.headers.map { HeaderField($0.key.rawValue, $0.value) }
        let (method, target) = (request.method.rawValue, request.target.rawValue)
        let description = IdempotentRequest(method: method, target: target, route: route, fields: fields)
        let admission: Admission
        do {
            admission = try await rules.admit(description, principal: { _ in try await principal(request) })
        } catch {
            // The connection stays open: what is left unread would be taken for the next request.
            _ = try await request.bodySequence.bytes(upTo: 0)
            throw error
        }
        switch admission {
        case .unprotected:
            return try await handler(request, nil)
        case .refused(let answer):
            _ = try await request.bodySequence.bytes(upTo: 0)
            return HTTPResponse(answer)
        case .admitted(let admitted):
            guard let body = try await request.bodySequence.bytes(upTo: admitted.maximumRequestBody) else {
                return HTTPResponse(admitted.contentTooLarge)
            }
            var request = request
            request.setBodyData(Data(body))
            let reply = try await admitted.respond(body: body, task: .own) { [request] execution in
                let response = try await handler(request, execution)
                return await HandlerResponse(collecting: response, upTo: admitted.maximumKeptBody)
            }
            switch reply {
            case .ran(var response, let added):
                // What a handler passes on from a service behind it is about another key.
                response.headers.removeValue(HTTPHeader(HTTPIdempotency.replayedField.name))
                response.headers.removeValue(HTTPHeader(HTTPIdempotency.lifetimeFieldName))
                return response.adding(added)
            case .answered(let answer): return HTTPResponse(answer)
            }
        }
    }
}

extension HTTPBodySequence {
    /// All bytes, or `nil` if there are more than a limit; no more than that are held. It is read to its end in any case:
    /// FlyingFox would take what is left of it for the connection's next request. One that was cut off throws.
    fileprivate func bytes(upTo limit: Int) async throws -> [UInt8]? {
        var (bytes, length): ([UInt8], Int) = ([], 0)
        for try await chunk in self {
            length += chunk.count
            if length <= limit { bytes += chunk }
        }
        return length <= limit ? bytes : nil
    }
}

extension HandlerResponse<HTTPResponse> {
    /// Collects the body if its length is known and not over a limit; a stream and a web socket are passed on as they are.
    fileprivate init(collecting response: HTTPResponse, upTo limit: Int) async {
        var (sent, body): (HTTPResponse, [UInt8]?) = (response, nil)
        if case .httpBody(let sequence) = response.payload, let count = sequence.count, count <= limit {
            do {
                let data = try await response.bodyData
                sent.payload = .httpBody(HTTPBodySequence(data: data))
                body = Array(data)
            } catch {
                // The handler has run, and a retry must not run it again for want of its body.
                sent = HTTPResponse(statusCode: .internalServerError)
            }
        }
        let fields = response.headers.map { HeaderField($0.key.rawValue, $0.value) }
        self.init(sent, status: response.statusCode.code, fields: fields, body: body)
    }
}

extension HTTPResponse {
    fileprivate init(_ answer: HTTPAnswer) {
        // A client goes by the code alone, and RFC 9112 lets the phrase be empty.
        self = HTTPResponse(statusCode: HTTPStatusCode(answer.status, phrase: ""), body: Data(answer.body))
            .adding(answer.fields)
    }

    fileprivate func adding(_ fields: [HeaderField]) -> HTTPResponse {
        var response = self
        for field in fields { response.headers.addValue(field.value, for: HTTPHeader(field.name)) }
        return response
    }
}
