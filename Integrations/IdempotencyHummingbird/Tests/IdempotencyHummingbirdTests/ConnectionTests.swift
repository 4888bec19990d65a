import Foundation
import HTTPTypes
import Hummingbird
import Idempotency
import IdempotencyHTTP
import IdempotencyHummingbird
import Logging
import NIOCore
import NIOEmbedded
import Testing

@Suite("Connections that are cut, slow or shared", .timeLimit(.minutes(10)))
struct ConnectionTests {
    /// After how much of the request the client goes.
    enum Cut: CaseIterable {
        case inHead, afterHead, inBody
    }

    @Test(
        "Scenario 45: a client that goes before it has sent everything runs nothing, and its retry runs",
        arguments: Cut.allCases
    )
    func cutRequest(_ cut: Cut) async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let whole = RawConnection.request(body: "{\"amount\":100}")
            let head = whole.firstRange(of: "\r\n\r\n")!
            let part =
                switch cut {
                case .inHead: String(whole[..<head.lowerBound])
                case .afterHead: String(whole[..<head.upperBound])
                case .inBody: String(whole.dropLast(5))
                }
            for _ in 0..<20 { try await RawConnection.open(port) { try await $0.send(part) } }
            let retry = try await send(port, key: "k", body: "{\"amount\":100}")
            #expect(retry.status == 201 && !retry.isReplay)
            #expect(payments.runs == 1)
            #expect(payments.bodies == ["{\"amount\":100}"])
        }
    }

    @Test("Scenario 45: a client that goes while the handler runs gets the handler's response when it comes again")
    func goneWhileRunning() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            try await RawConnection.open(port) { session in
                try await session.send(RawConnection.request("/held"))
                await payments.entered.wait()
            }
            payments.finish.open()
            let retry = try await send(port, "/held", key: "k")
            #expect(retry.status == 200 && retry.body == "held 1" && retry.isReplay)
            #expect(payments.runs == 1 && payments.ended == 1)
        }
    }

    @Test("Scenario 45: a client that goes while it waits as a duplicate disturbs nobody")
    func goneWhileWaiting() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            async let first = send(port, "/held", key: "k")
            await payments.entered.wait()
            for _ in 0..<20 { try await RawConnection.open(port) { try await $0.send(RawConnection.request("/held")) } }
            payments.finish.open()
            #expect(try await first.body == "held 1")
            #expect(try await send(port, "/held", key: "k").isReplay)
            #expect(payments.runs == 1)
        }
    }

    @Test("A client that goes in the middle of the response gets all of it when it comes again")
    func goneInResponse() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            try await RawConnection.open(port) { session in
                try await session.send(RawConnection.request("/large"))
                _ = try await session.receive { !$0.isEmpty }
            }
            let retry = try await send(port, "/large", key: "k")
            #expect(retry.body.utf8.count == 900_000 && retry.isReplay)
            #expect(payments.runs == 1)
        }
    }

    // Over HTTP/1.1 the framework tells by itself: no socket shows this one.
    @Test("A body that just ends, before its Content-Length, as over HTTP/2: 400, nothing runs, and the retry runs")
    func cutStream() async throws {
        let payments = Payments()
        let middleware = IdempotencyMiddleware<PaymentsContext>(payments.rules) { _, _ in "alice" }
        let context = PaymentsContext(
            source: ApplicationRequestContextSource(channel: NIOAsyncTestingChannel(), logger: Logger(label: "test"))
        )
        func send(_ body: String, encoding: String? = nil) async throws -> Response {
            var fields: HTTPFields = [.contentLength: "13", HTTPField.Name(IdempotencyKeyField.name)!: "\"k\""]
            fields[.contentEncoding] = encoding
            let head = HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/payments", headerFields: fields)
            let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body)))
            return try await middleware.handle(request, context: context) { request, _ in
                Response(status: .created, body: ResponseBody(byteBuffer: try await request.body.collect(upTo: 100)))
            }
        }
        for encoding in [nil, "identity", "Identity"] {
            let cut = try await send(#"{"amount":1"#, encoding: encoding)
            #expect(cut.status == .badRequest && cut.headers[.contentType] == "application/problem+json")
        }
        #expect(try await RecordAdministration(store: payments.store).list(RecordQuery()).records.isEmpty)
        #expect(try await send(#"{"amount":12}"#).status == .created)
        // Decoded on the way, it has another length than it says.
        #expect(try await send("{}", encoding: "gzip").status == .unprocessableContent)
    }

    @Test("A request that comes byte by byte is one request")
    func slowBody() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let answer = try await RawConnection.open(port) { session in
                for character in RawConnection.request(body: "{\"amount\":100}") {
                    try await session.send(String(character))
                    await Task.yield()
                }
                return try await session.receive { $0.hasSuffix("}") }
            }
            #expect(answer.hasPrefix("HTTP/1.1 201"))
            #expect(payments.bodies == ["{\"amount\":100}"])
        }
    }

    @Test("Duplicates that are pipelined on one connection are answered in their order, and run once")
    func pipelined() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let answers = try await RawConnection.open(port) { session in
                let other = RawConnection.request(key: "l", body: "{\"other\":1}")
                try await session.send(
                    RawConnection.request() + RawConnection.request() + other + RawConnection.request()
                )
                return try await session.receive {
                    $0.components(separatedBy: "{\"run\":").count == 5 && $0.hasSuffix("}")
                }
            }
            let bodies = answers.matches(of: /\{"run":(\d)\}/).map { String($0.1) }
            #expect(bodies == ["1", "1", "2", "1"])
            #expect(answers.matches(of: /Idempotent-Replayed: true/).count == 2)
            #expect(payments.runs == 2)
        }
    }

    @Test("curl, five times at once, and once more: one run, one body")
    func curl() async throws {
        let payments = Payments()
        try await withServer(payments.router()) { port in
            let received = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<5 { group.addTask { try await Self.curl(port, "/held") } }
                group.addTask {
                    await payments.entered.wait()
                    payments.finish.open()
                    return "held 1"
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(received == Array(repeating: "held 1", count: 6))
            #expect(try await Self.curl(port, "/held") == "held 1")
            #expect(payments.runs == 1)
        }
    }

    private static func curl(_ port: Int, _ path: String) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "curl", "--silent", "--show-error", "--max-time", "60", "-H", "Authorization: alice", "-H",
            "Idempotency-Key: \"k\"",
            "--json", "{}", "http://127.0.0.1:\(port)\(path)",
        ]
        let output = Pipe()
        process.standardOutput = output
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in
                let data = output.fileHandleForReading.readDataToEndOfFile()
                continuation.resume(returning: String(decoding: data, as: UTF8.self))
            }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
