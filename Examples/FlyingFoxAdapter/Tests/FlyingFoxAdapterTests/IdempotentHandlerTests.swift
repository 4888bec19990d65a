import FlyingFox
import FlyingSocks
import Foundation
import Idempotency
import IdempotencyHTTP
import IdempotencyInMemory
import Synchronization
import Testing

@testable import FlyingFoxAdapter

@Suite("FlyingFox behind the rules", .timeLimit(.minutes(10)))
struct IdempotentHandlerTests {
    let rules = HTTPIdempotency(interceptor: IdempotencyInterceptor(store: InMemoryIdempotencyStore()))
    let payments = Payments()

    @Test("The first call runs, a retry gets the same status, bytes and fields, and nothing is charged again")
    func replay() async throws {
        let server = try await Server(payments.handler(rules))
        let first = try await server.response(key: "order-7", body: #"{"cents":1250}"#)
        #expect(first.status == 201 && !first.isReplay)
        #expect(first.head.contains("\r\nIdempotency-Key-Lifetime: 86400\r\n"))
        let second = try await server.response(key: "order-7", body: #"{"cents":1250}"#)
        #expect(second.status == 201 && second.isReplay)
        #expect(second.body == first.body && second.body.contains("1250"))
        #expect(second.head.contains("\r\nLocation: /payments/1\r\n"))
        #expect(await payments.charges == 1)
        await server.stop()
    }

    @Test("Without a key nothing runs: 400, and a problem document that says why")
    func missingKey() async throws {
        let server = try await Server(payments.handler(rules))
        let answer = try await server.response(key: nil, body: #"{"cents":1250}"#)
        #expect(answer.status == 400)
        #expect(answer.head.contains("\r\nContent-Type: application/problem+json\r\n"))
        #expect(answer.body.contains("key-missing"))
        #expect(await payments.charges == 0)
        await server.stop()
    }

    @Test("The key with another body is 422, and nothing runs")
    func otherPayload() async throws {
        let server = try await Server(payments.handler(rules))
        _ = try await server.response(key: "order-7", body: #"{"cents":1250}"#)
        let answer = try await server.response(key: "order-7", body: #"{"cents":9900}"#)
        #expect(answer.status == 422 && answer.body.contains("key-reused"))
        #expect(await payments.charges == 1)
        await server.stop()
    }

    @Test("A body over the limit is 413, and what nobody reads of a body is not taken for the next request")
    func longBodies() async throws {
        var policy = HTTPIdempotencyPolicy()
        policy.maximumRequestBody = 20
        let server = try await Server(payments.handler(HTTPIdempotency(interceptor: rules.interceptor, policy: policy)))
        let long = #"{"cents":1250,"note":"a present for Bob"}"#
        #expect(try await server.response(key: "a", body: long).status == 413)
        for (key, status) in [("Idempotency-Key: \"b\"\r\n", 413), ("", 400)] {
            let chunks = "\(String(long.utf8.count, radix: 16))\r\n\(long)\r\n0\r\n\r\n"
            let text = try await server.exchange(
                Server.head(fields: key + "Transfer-Encoding: chunked\r\n") + chunks
                    + Server.head(fields: "Idempotency-Key: \"c\"\r\nContent-Length: 14\r\nConnection: close\r\n")
                    + #"{"cents":1250}"#
            )
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(text.contains("HTTP/1.1 201 "))
        }
        #expect(await payments.charges == 1)
        await server.stop()
    }

    @Test("A body that is cut off does not run as a shorter one", arguments: [5000, 3_000_000])
    func cutOff(announced: Int) async throws {
        var policy = HTTPIdempotencyPolicy()
        policy.maximumRequestBody = 4_000_000
        let server = try await Server(payments.handler(HTTPIdempotency(interceptor: rules.interceptor, policy: policy)))
        let text = try await server.exchange(
            Server.head(fields: "Idempotency-Key: \"k\"\r\nContent-Length: \(announced)\r\n") + #"{"cents":1250}"#,
            thenShutsDown: true
        )
        #expect(!text.hasPrefix("HTTP/1.1 201"))
        #expect(await payments.charges == 0)
        await server.stop()
    }

    @Test("A response whose body cannot be read is answered once, and never run again")
    func unreadableBody() async throws {
        let runs = Mutex(0)
        let handler = IdempotentHandler(rules: rules, route: "/payments", principal: { _ in "alice" }) { _, _ in
            runs.withLock { $0 += 1 }
            let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            try Data("receipt".utf8).write(to: file)
            let body = try HTTPBodySequence(file: file)
            try FileManager.default.removeItem(at: file)
            return HTTPResponse(statusCode: .created, body: body)
        }
        let server = try await Server(handler)
        #expect(try await server.response(key: "order-7", body: "{}").status == 500)
        let retry = try await server.response(key: "order-7", body: "{}")
        #expect(retry.status == 409 && retry.body.contains("response-not-kept"))
        #expect(runs.withLock { $0 } == 1)
        await server.stop()
    }

    @Test("What the handler says of another service's key is not passed on as if it were about this one")
    func fieldsOfTheRules() async throws {
        let headers: HTTPHeaders = [
            HTTPHeader("Idempotent-Replayed"): "true", HTTPHeader("Idempotency-Key-Lifetime"): "60",
        ]
        let handler = IdempotentHandler(rules: rules, route: "/payments", principal: { _ in "alice" }) { _, _ in
            HTTPResponse(statusCode: .created, headers: headers)
        }
        let server = try await Server(handler)
        let first = try await server.response(key: "order-7", body: "{}")
        #expect(!first.isReplay && !first.head.contains("Lifetime: 60"))
        #expect(first.head.contains("\r\nIdempotency-Key-Lifetime: 86400"))
        await server.stop()
    }

    @Test("The handler runs to its end, and a retry gets its response, although the client goes and the server stops")
    func clientGone() async throws {
        let (entered, enter) = AsyncStream<Void>.makeStream()
        let (finished, finish) = AsyncStream<Void>.makeStream()
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let handler = IdempotentHandler(rules: rules, route: "/payments", principal: { _ in "alice" }) { _, _ in
            enter.finish()
            // Whoever is cancelled does not wait for a stream.
            for await _ in finished {}
            end.yield(Task.isCancelled)
            return HTTPResponse(statusCode: .accepted, body: Data("charged".utf8))
        }
        let first = try await Server(handler)
        let client = try await first.open(
            Server.head(fields: "Idempotency-Key: \"order-7\"\r\nContent-Length: 2\r\n") + "{}"
        )
        for await _ in entered {}
        try client.close()
        await first.stop()
        finish.finish()
        var ends = ended.makeAsyncIterator()
        #expect(await ends.next() == false)

        let second = try await Server(payments.handler(rules))
        let retry = try await second.response(key: "order-7", body: "{}")
        #expect(retry.status == 202 && retry.isReplay && retry.body == "charged")
        #expect(await payments.charges == 0)
        await second.stop()
    }
}
