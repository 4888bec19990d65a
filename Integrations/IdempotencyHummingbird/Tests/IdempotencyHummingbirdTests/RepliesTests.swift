import Hummingbird
import Idempotency
import IdempotencyHTTP
import IdempotencyHummingbird
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@Suite("Replies over a socket", .timeLimit(.minutes(10)))
struct RepliesTests {
    @Test("Scenario 44: a retry gets the first response's status, bytes and kept fields, and no cookie")
    func replay() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let first = try await send(port, key: "k")
            #expect(first.status == 201 && first.body == "{\"run\":1}")
            #expect(first.fields["set-cookie"] == ["session=1"])
            #expect(first.fields["idempotency-key-lifetime"] == ["86400"])
            for _ in 0..<3 {
                let retry = try await send(port, key: "k")
                #expect(retry.isReplay && retry.status == 201 && retry.body == first.body)
                #expect(
                    retry.fields["location"] == ["/payments/1"] && retry.fields["content-type"] == ["application/json"]
                )
                #expect(retry.fields["set-cookie"] == nil)
                #expect(retry.fields["idempotency-key-lifetime"] == nil)
                #expect(retry.fields["content-length"] == first.fields["content-length"])
            }
            #expect(payments.runs == 1)
            #expect(payments.bodies == ["{}"])
        }
    }

    @Test("The middleware twice on the way to one handler is a problem that says so, and nothing runs")
    func mountedTwice() async throws {
        let payments = Payments()
        let router = Router(context: PaymentsContext.self)
        let runs = Mutex(0)
        router.group()
            .add(middleware: IdempotencyMiddleware(payments.rules) { _, _ in "alice" })
            .group()
            .add(middleware: IdempotencyMiddleware(payments.rules) { _, _ in "alice" })
            .post("twice") { _, _ -> HTTPResponse.Status in
                runs.withLock { $0 += 1 }
                return .created
            }
        try await withServer(router) { port in
            let answer = try await send(port, "/twice", key: "k")
            #expect(answer.status == 500 && answer.problem == "protected-twice")
            #expect(runs.withLock { $0 } == 0)
        }
    }

    @Test("A response that is a stream leaves its Location to those who repeat the request")
    func streamsLocation() async throws {
        let payments = Payments()
        let router = Router(context: PaymentsContext.self)
        router.group()
            .add(middleware: IdempotencyMiddleware(payments.rules) { _, _ in "alice" })
            .post("exports") { _, _ -> Response in
                let body = ResponseBody { writer in
                    try await writer.write(ByteBuffer(string: "a long thing"))
                    try await writer.finish(nil)
                }
                return Response(
                    status: .created,
                    headers: [.location: "/exports/7", .contentType: "text/csv"],
                    body: body
                )
            }
        try await withServer(router) { port in
            #expect(try await send(port, "/exports", key: "k").body == "a long thing")
            let retry = try await send(port, "/exports", key: "k")
            #expect(retry.status == 409 && retry.problem == "response-not-kept")
            #expect(retry.fields["location"] == ["/exports/7"])
        }
    }

    @Test("A thousand retries all get the same bytes")
    func thousandRetries() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let first = try await send(port, key: "k")
            try await withThrowingTaskGroup(of: Received.self) { group in
                for index in 0..<1000 {
                    group.addTask { try await send(port, key: "k") }
                    if index >= 32 {
                        let retry = try await group.next()
                        #expect(retry?.body == first.body && retry?.isReplay == true)
                    }
                }
                for try await retry in group { #expect(retry.body == first.body && retry.isReplay) }
            }
            #expect(payments.runs == 1)
        }
    }

    @Test("Scenario 40: 500 duplicates at once are one run and one response")
    func concurrentDuplicates() async throws {
        let payments = Payments(try OperationPolicy(waitLimit: .seconds(60)))
        try await withServer(payments.router()) { port in
            try await withThrowingTaskGroup(of: Received.self) { group in
                for _ in 0..<500 { group.addTask { try await send(port, "/held", key: "k") } }
                group.addTask {
                    await payments.entered.wait()
                    payments.finish.open()
                    return Received(status: 200, fields: [:], body: "held 1")
                }
                for try await received in group { #expect(received.status == 200 && received.body == "held 1") }
            }
            #expect(payments.runs == 1)
        }
    }

    @Test("Scenario 44: an empty response, and one in several parts, replay byte by byte")
    func bodies() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let empty = try await send(port, "/empty", key: "k")
            let emptyRetry = try await send(port, "/empty", key: "k")
            #expect(empty.status == 204 && emptyRetry.status == 204 && emptyRetry.isReplay && emptyRetry.body.isEmpty)
            let chunks = try await send(port, "/chunks", key: "k")
            let chunksRetry = try await send(port, "/chunks", key: "k")
            #expect(chunks.body == "chunk 2." && chunksRetry.body == chunks.body && chunksRetry.isReplay)
        }
    }

    @Test(
        "What a handler throws as a response is one: kept below 500, tried again above",
        arguments: [404, 422, 500, 503]
    )
    func thrown(_ status: Int) async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let first = try await send(port, "/thrown/\(status)", key: "k")
            let retry = try await send(port, "/thrown/\(status)", key: "k")
            #expect(first.status == status && first.body.contains("run 1") && first.fields["etag"] == ["\"1\""])
            #expect(retry.status == status)
            #expect(retry.isReplay == (status < 500))
            #expect((retry.body == first.body) == (status < 500))
            #expect(payments.runs == (status < 500 ? 1 : 2))
        }
    }

    @Test(
        "A stream, a response over the limit and one with trailers are sent once, and leave a tombstone",
        arguments: ["/stream", "/large", "/trailers"]
    )
    func tombstones(_ path: String) async throws {
        let payments = Payments(try OperationPolicy(maximumResultSize: 100_000))
        try await withServer(payments.router()) { port in
            let first = try await send(port, path, key: "k")
            #expect(
                first.status == 200 && ["stream 1", "ok", String(repeating: "x", count: 900_000)].contains(first.body)
            )
            let retry = try await send(port, path, key: "k")
            #expect(retry.status == 409 && retry.problem == "response-not-kept")
            #expect(payments.runs == 1)
        }
    }

    @Test("The handler gets its run: a token, and the same key for the bank in each attempt")
    func execution() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let first = try await send(port, "/execution", key: "k")
            #expect(first.body != "none")
            #expect(try await send(port, "/execution", key: "k").body == first.body)
            #expect(try await send(port, key: nil, method: .GET).body == "unprotected")
        }
    }

    @Test("Scenario 46: one key on two routes, two paths or two users is as many operations")
    func scopes() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let bodies = [
                try await send(port, key: "k").body,
                try await send(port, key: "k", user: "bob").body,
                try await send(port, "/payments/1/refunds", key: "k").body,
                try await send(port, "/payments/2/refunds", key: "k").body,
                try await send(port, "/empty", key: "k").body,
            ]
            #expect(Set(bodies).count == bodies.count)
            #expect(payments.runs == bodies.count)
            let scopes = try await RecordAdministration(store: payments.store).list(RecordQuery()).records.map(
                \.key.scope.text
            )
            #expect(Set(scopes).contains("POST %2fpayments%2f{id}%2frefunds;principal=alice"))
        }
    }

    @Test("Authorisation comes before a replay")
    func authorisation() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            _ = try await send(port, key: "k", user: "revoked2")
            let refused = try await send(port, key: "k", user: "revoked")
            #expect(refused.status == 401 && !refused.isReplay)
            let nobody = try await send(port, key: "k", user: nil)
            #expect(nobody.status == 403 && nobody.problem == "principal-missing")
            #expect(payments.runs == 1)
        }
    }

    @Test(
        "A body that is not as long as it was said to be is 500, and never runs again: the handler has run",
        arguments: [3, 7]
    )
    func wrongLength(_ length: Int) async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let first = try await send(port, "/wrong-length/\(length)", key: "k")
            #expect(first.status == 500 && !first.isReplay)
            let retry = try await send(port, "/wrong-length/\(length)", key: "k")
            #expect(retry.status == 409 && retry.problem == "response-not-kept")
            #expect(payments.runs == 1)
        }
    }

    @Test("A handler's own fields of these names, from a service behind it, are not passed on")
    func foreignFields() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let first = try await send(port, "/passed-on", key: "k")
            #expect(!first.isReplay && first.fields["idempotency-key-lifetime"] == ["86400"])
        }
    }

    @Test("A target that is a whole URI is the same request")
    func absoluteTarget() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            _ = try await send(port, key: "k")
            let answer = try await RawConnection.open(port) { session in
                try await session.send(RawConnection.request("http://localhost/payments"))
                return try await session.receive { $0.hasSuffix("}") }
            }
            #expect(answer.contains("Idempotent-Replayed: true"))
            #expect(payments.runs == 1)
        }
    }

    @Test("On the router itself: that there is no such route is 404, and is not kept")
    func unknownRoute() async throws {
        let payments = Payments()
        let router = Router(context: PaymentsContext.self)
        router.add(middleware: IdempotencyMiddleware(payments.rules) { _, _ in "alice" })
        try await withServer(router) { port in
            let answers = [try await send(port, "/none", key: "k"), try await send(port, "/none", key: "k")]
            #expect(answers.map(\.status) == [404, 404])
            #expect(!answers[1].isReplay)
        }
    }

    @Test("A file that the handler does not find is the handler's 404, and is kept")
    func missingFile() async throws {
        let payments = Payments()
        let router = Router(context: PaymentsContext.self)
        let runs = Mutex(0)
        router.group()
            .add(middleware: IdempotencyMiddleware(payments.rules) { _, _ in "alice" })
            .post("receipts") { _, context -> Response in
                runs.withLock { $0 += 1 }
                return Response(status: .ok, body: try await FileIO().loadFile(path: "/no/such/file", context: context))
            }
        try await withServer(router) { port in
            let answers = [
                try await send(port, "/receipts", key: "k"), try await send(port, "/receipts", key: "k"),
            ]
            #expect(answers.map(\.status) == [404, 404])
            #expect(answers[1].isReplay)
            #expect(runs.withLock { $0 } == 1)
        }
    }

    @Test(
        "A server that shuts down while a handler runs, or its body is written, leaves it its end, and keeps the whole response",
        arguments: ["/held", "/held-body"]
    )
    func shutdown(_ path: String) async throws {
        let payments = Payments()
        let hold = Gate()
        let server = Task {
            try await withServer(payments.router()) { port in
                _ = Task { try? await send(port, path, key: "k") }
                await hold.wait()
            }
        }
        await payments.entered.wait()
        // All tasks of the server know of it when this returns.
        server.cancel()
        payments.finish.open()
        hold.open()
        _ = await server.result
        let scope = try IdempotencyScope("POST \(path)", principal: "alice")
        let key = try IdempotencyKey(scope: scope, value: "k")
        guard case .done = try await payments.interceptor.status(of: key) else {
            Issue.record("the response was not kept: \(try await payments.interceptor.status(of: key))")
            return
        }
        #expect(payments.ended == 1)
        let again = try await withServer(payments.router()) { port in try await send(port, path, key: "k") }
        #expect(again.isReplay && again.body == (path == "/held" ? "held 1" : "hello"))
    }
}
