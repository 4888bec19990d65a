#if HTTP
import Figures
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded

/// Calls a router's routes on one task, without a network: what a request costs to make, and in the router, the middleware and
/// the handler.
struct RouterLoop {
    private static let calls = Effort.operations(20_000)
    private static let body = ByteBuffer(string: "{\"order\":\"8e03978e-40d5-43e8-bc93-6894a57f9324\",\"amount\":1250}")
    private static let key = HTTPField.Name("Idempotency-Key")!
    private static let replayed = HTTPField.Name("Idempotent-Replayed")!
    private static let fields: HTTPFields = [
        .authorization: "alice", .contentType: "application/json", .contentLength: String(body.readableBytes),
    ]

    private let responder: any HTTPResponder<BasicRequestContext>
    private let channel = NIOAsyncTestingChannel()
    private let logger = Logger(label: "benchmark")

    init(_ router: Router<BasicRequestContext>) {
        responder = router.buildResponder()
    }

    /// Nanoseconds a call.
    func time(_ path: String, firstKey: Int, expectingReplays isReplayed: Bool) async throws -> Double {
        try await nanoseconds(per: Self.calls) {
            for number in firstKey..<firstKey + Self.calls {
                let source = ApplicationRequestContextSource(channel: channel, logger: logger)
                let response = try await responder.respond(
                    to: request(path, key: number),
                    context: BasicRequestContext(source: source)
                )
                precondition(
                    response.status == .created && response.headers.contains(Self.replayed) == isReplayed,
                    "a call of \(path) was answered in another way"
                )
            }
        }
    }

    private func request(_ path: String, key number: Int) -> Request {
        let digits = String(number)
        let key = "\"8e03978e-40d5-43e8-bc93-" + String(repeating: "0", count: 12 - digits.count) + digits + "\""
        var fields = Self.fields
        fields.append(HTTPField(name: Self.key, value: key))
        let head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: path, headerFields: fields)
        return Request(head: head, body: RequestBody(buffer: Self.body))
    }
}
#endif
