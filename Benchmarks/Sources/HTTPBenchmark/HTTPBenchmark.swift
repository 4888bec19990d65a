#if HTTP
import CHTTPLoop
import Dispatch
import Figures
import Foundation
import HTTPTypes
import Hummingbird
import Idempotency
import IdempotencyHTTP
import IdempotencyHummingbird
import IdempotencyInMemory
import Logging
import NIOCore

/// Measures routes with the middleware beside the same routes without it, on one server, with a client in C on loopback. Server
/// and client share the machine's processors.
@main
struct HTTPBenchmark {
    private static let connections: Int32 = 32
    private static let requests = Int32(Effort.operations(20_000))
    private static let responseBody =
        "{\"receipt\":\"8e03978e-40d5-43e8-bc93-6894a57f9324\",\"amount\":1250,\"status\":\"paid\"}"

    nonisolated static func main() async throws {
        // Not on the main thread, from which each call would have to come back.
        try await Task.detached { try await run() }.value
    }

    private nonisolated static func run() async throws {
        let (ports, port) = AsyncStream<Int>.makeStream()
        var logger = Logger(label: "benchmark")
        logger.logLevel = .critical
        let store = InMemoryIdempotencyStore()
        let application = Application(
            router: router(IdempotencyInterceptor(store: store)),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.yield(channel.localAddress!.port!) },
            logger: logger
        )
        let server = Task { try await application.runService(gracefulShutdownSignals: []) }
        for await port in ports {
            if !CommandLine.arguments.contains("rules") { try await measure(Int32(port)) }
            break
        }
        server.cancel()
        _ = await server.result
        // Before any memory is free that new records would be put into.
        try await memory()
        withExtendedLifetime(store) {}
        try await withoutNetwork()
    }

    private nonisolated static func router(_ interceptor: IdempotencyInterceptor) -> Router<BasicRequestContext> {
        let router = Router()
        let charge: @Sendable (Request, BasicRequestContext) async throws -> Response = { request, _ in
            _ = try await request.body.collect(upTo: 1000)
            return Response(
                status: .created,
                headers: [.contentType: "application/json", .location: "/payments/17"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: responseBody))
            )
        }
        let slow: @Sendable (Request, BasicRequestContext) async throws -> Response = { request, context in
            try await Task.sleep(for: .microseconds(200))
            return try await charge(request, context)
        }
        router.post("plain", use: charge)
        router.post("slow", use: slow)
        router.group().add(middleware: BareMiddleware()).post("bare", use: charge)
        router.group()
            .add(
                middleware: IdempotencyMiddleware(HTTPIdempotency(interceptor: interceptor)) { request, _ in
                    request.headers[values: .authorization].first
                }
            )
            .post("payments", use: charge)
        return router
    }

    /// A load from a thread of its own: the loop in C waits.
    private nonisolated static func load(
        _ port: Int32,
        _ path: String,
        firstKey: Int,
        keys: Int = .max,
        expecting text: String = ""
    ) async -> http_load {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let load = http_loop(port, path, requests, connections, firstKey, keys, 201, text)
                precondition(load.rate > 0, "the load on \(path) failed")
                continuation.resume(returning: load)
            }
        }
    }

    private nonisolated static func measure(_ port: Int32) async throws {
        var rates: [String: [Double]] = [:]
        var slowest: [String: [Double]] = [:]
        for round in 0...Effort.rounds(8) {
            let first = round * 1_000_000
            let loads = [
                ("the route without it", await load(port, "/plain", firstKey: first)),
                ("a middleware without rules", await load(port, "/bare", firstKey: first)),
                ("first calls", await load(port, "/payments", firstKey: first)),
                (
                    "replays",
                    await load(
                        port,
                        "/payments",
                        firstKey: first,
                        keys: Int(requests),
                        expecting: "Idempotent-Replayed"
                    )
                ),
                ("a handler of 200 µs without it", await load(port, "/slow", firstKey: first)),
            ]
            // The first round warms the server up.
            guard round > 0 else { continue }
            for (name, load) in loads {
                rates[name, default: []].append(load.rate)
                slowest[name, default: []].append(load.p99 * 1000)
            }
        }
        for name in rates.keys.sorted() {
            Figures.report("HTTP, \(name)", median(rates[name]!), .perSecond)
            Figures.report("HTTP, \(name), slowest of a hundred", median(slowest[name]!), .milliseconds)
        }
        func part(_ name: String, _ base: String) {
            let parts = zip(rates[name]!, rates[base]!).map { $0 / $1 }
            Figures.report("HTTP, \(name), of \(base)", median(parts), .part)
        }
        part("a middleware without rules", "the route without it")
        part("first calls", "the route without it")
        part("first calls", "a middleware without rules")
        part("replays", "the route without it")
        part("replays", "a handler of 200 µs without it")
        for name in ["first calls", "replays"] {
            let ratios = zip(slowest[name]!, slowest["the route without it"]!).map { $0 / $1 }
            Figures.report("HTTP, \(name), slowest of a hundred, of the route without it", median(ratios), .ratio)
        }
    }

    /// What the same routes cost without a network, which hides most of it.
    private nonisolated static func withoutNetwork() async throws {
        let loop = RouterLoop(router(IdempotencyInterceptor(store: InMemoryIdempotencyStore())))
        var times: [String: [Double]] = [:]
        for round in 0...Effort.rounds(5) {
            let first = round * 1_000_000
            for (name, path, isReplayed) in [
                ("the route without it", "/plain", false), ("a middleware without rules", "/bare", false),
                ("first calls", "/payments", false), ("replays", "/payments", true),
            ] {
                let time = try await loop.time(path, firstKey: first, expectingReplays: isReplayed)
                if round > 0 { times[name, default: []].append(time) }
            }
        }
        for name in times.keys.sorted() {
            Figures.report("HTTP without a network, \(name)", median(times[name]!), .nanoseconds)
        }
    }

    /// What a kept response takes of memory, beside its body and its fields.
    private nonisolated static func memory() async throws {
        let count = Effort.operations(200_000)
        let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore())
        let rules = HTTPIdempotency(interceptor: interceptor)
        let fields = [HeaderField("content-type", "application/json"), HeaderField("location", "/payments/17")]
        let body = Array(responseBody.utf8)
        func fill(_ numbers: Range<Int>) async throws {
            for number in numbers {
                let digits = String(number)
                let key = "8e03978e-40d5-43e8-bc93-" + String(repeating: "0", count: 12 - digits.count) + digits
                let request = IdempotentRequest(
                    method: "POST",
                    target: "/payments",
                    route: "/payments",
                    fields: [HeaderField("idempotency-key", "\"\(key)\"")]
                )
                guard case .admitted(let admitted) = try await rules.admit(request, principal: { _ in "alice" }) else {
                    preconditionFailure("a request was refused")
                }
                _ = try await admitted.respond(body: body) { _ in
                    HandlerResponse(0, status: 201, fields: fields, body: Array(body))
                }
            }
        }
        try await fill(0..<1000)
        guard let before = residentBytes() else { return }
        try await fill(1000..<1000 + count)
        guard let after = residentBytes() else { return }
        for (name, start) in [("a first call", 1000 + count), ("a replay", 1000)] {
            let clock = ContinuousClock()
            let time = try await clock.measure { try await fill(start..<start + count) }
            Figures.report("HTTP, the rules alone, \(name)", time / .nanoseconds(count), .nanoseconds)
        }
        let kept = body.count + fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        Figures.report("HTTP, memory of a kept response", (after - before) / Double(count), .bytes)
        Figures.report(
            "HTTP, memory of a kept response, beside body and fields",
            (after - before) / Double(count) - Double(kept),
            .bytes
        )
    }

    private nonisolated static func residentBytes() -> Double? {
        guard let line = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        return Double(line.split(separator: " ")[1])! * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}
#endif
