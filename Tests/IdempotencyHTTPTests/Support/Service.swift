import Idempotency
import IdempotencyHTTP
import IdempotencyInMemory
import IdempotencyTesting
import Synchronization
import TestSupport

/// A service behind the rules: counts its handler's runs, and hands a client what an adapter would send.
final class Service: Sendable {
    /// What a client receives.
    struct Received: Equatable {
        var status: Int
        var fields: [HeaderField]
        var body: [UInt8]

        func values(of name: String) -> [String] {
            fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
        }

        var isReplay: Bool { values(of: "Idempotent-Replayed") == ["true"] }

        /// The name of the problem that it reports, the end of its type.
        var problem: String? {
            guard values(of: "Content-Type") == ["application/problem+json"] else { return nil }
            let text = String(decoding: body, as: UTF8.self)
            guard let match = text.firstMatch(of: /urn:problem-type:idempotency:([a-z-]+)"/) else { return nil }
            return String(match.1)
        }
    }

    typealias Handler = @Sendable (IdempotentExecution) async throws -> HTTPAnswer

    let clock = ManualClock()
    let records: InMemoryIdempotencyStore
    let store: FaultInjectingStore
    let rules: HTTPIdempotency
    private let counter = Mutex(0)

    var runs: Int { counter.withLock { $0 } }

    init(
        _ operation: OperationPolicy = .standard,
        capacity: Int? = nil,
        _ adjust: (inout HTTPIdempotencyPolicy) throws -> Void = { _ in }
    ) throws {
        records =
            if let capacity {
                InMemoryIdempotencyStore(clock: clock, capacity: capacity)
            } else {
                InMemoryIdempotencyStore(clock: clock)
            }
        store = FaultInjectingStore(records, clock: clock)
        var policy = HTTPIdempotencyPolicy()
        try adjust(&policy)
        let runtime = IdempotencyRuntime(
            clock: clock,
            executor: globalConcurrentExecutor,
            random: SystemRandomNumberGenerator()
        )
        rules = HTTPIdempotency(
            interceptor: IdempotencyInterceptor(store: self.store, policy: operation, runtime: runtime),
            policy: policy
        )
    }

    /// Sends a request, `POST /payments` if nothing else is said.
    func send(
        key: String?,
        _ body: String = "{}",
        method: String = "POST",
        target: String = "/payments",
        route: String = "/payments",
        fields: [HeaderField] = [],
        principal: String? = "alice",
        streams: Bool = false,
        handler: Handler? = nil
    ) async throws -> Received {
        let keyField = key.map { [HeaderField("Idempotency-Key", "\"\($0)\"")] } ?? []
        let request = IdempotentRequest(method: method, target: target, route: route, fields: keyField + fields)
        return try await send(request, body, principal: principal, streams: streams, handler: handler)
    }

    func send(
        _ request: IdempotentRequest,
        _ body: String = "{}",
        principal: String? = "alice",
        streams: Bool = false,
        handler: Handler? = nil
    ) async throws -> Received {
        switch try await rules.admit(request, principal: { _ in principal }) {
        case .unprotected:
            let run = counter.withLock { count in
                count += 1
                return count
            }
            return Received(status: 200, fields: [], body: Array("unprotected run \(run)".utf8))
        case .refused(let answer):
            return Received(status: answer.status, fields: answer.fields, body: answer.body)
        case .admitted(let admitted):
            let reply = try await admitted.respond(body: Array(body.utf8)) { execution in
                let run = self.counter.withLock { count in
                    count += 1
                    return count
                }
                let answer =
                    try await handler?(execution)
                    ?? HTTPAnswer(
                        status: 201,
                        fields: [
                            HeaderField("Content-Type", "application/json"), HeaderField("Set-Cookie", "session=1"),
                        ],
                        body: Array("{\"run\":\(run)}".utf8)
                    )
                return HandlerResponse(
                    answer,
                    status: answer.status,
                    fields: answer.fields,
                    body: streams ? nil : answer.body
                )
            }
            switch reply {
            case .ran(let answer, let adding):
                return Received(status: answer.status, fields: answer.fields + adding, body: answer.body)
            case .answered(let answer):
                return Received(status: answer.status, fields: answer.fields, body: answer.body)
            }
        }
    }
}

/// What a person says of a request that failed.
struct SettledFailure: FinalFailure {
    static let failureName = "settled"
}

/// A response of plain text.
func text(_ status: Int, _ body: String = "") -> HTTPAnswer {
    HTTPAnswer(status: status, fields: [], body: Array(body.utf8))
}
