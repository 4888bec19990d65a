public import Idempotency

/// A request with a key, whose body is still to be read.
@available(Idempotency 0.1, *)
public struct AdmittedRequest: Sendable {
    /// What answers are thrown as errors through the engine, which keeps nothing of them.
    private struct DiscardedResponse: Error {}

    private let rules: HTTPIdempotency

    /// The request.
    public let request: IdempotentRequest
    /// The key: its scope is the method, the route and the principal.
    public let key: IdempotencyKey

    /// The largest body that the request may have, in bytes: read no more.
    public var maximumRequestBody: Int { rules.maximumRequestBody }

    /// The largest response that can be kept, body and kept fields, in bytes: collect no more.
    public var maximumKeptBody: Int { rules.maximumKeptBody }

    /// The response to a request whose body is over ``maximumRequestBody``.
    public var contentTooLarge: HTTPAnswer { rules.contentTooLarge }

    /// The response to a request whose body was cut off: shorter than its `Content-Length`.
    public var contentIncomplete: HTTPAnswer { rules.problem(.contentIncomplete) }

    init(rules: HTTPIdempotency, request: IdempotentRequest, key: IdempotencyKey) {
        self.rules = rules
        self.request = request
        self.key = key
    }

    /// Runs the handler, unless the key was used before, and says what the client is to be sent.
    ///
    /// The handler runs in the caller's task. Call it in one that goes on when the client has gone, so that the handler runs to
    /// its end and its response is kept for the retry.
    ///
    /// - Parameters:
    ///   - body: The body, as it was sent.
    ///   - handler: The work. What it throws is thrown on, and the lapse policy says whether a retry runs again.
    /// - Throws: What the handler throws; what the policy's fingerprint throws; `IdempotencyError` for mistakes in the service,
    ///   such as a handler that calls with its own key from inside.
    @inlinable
    public func respond<Response>(
        body: some Collection<UInt8>,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> HandlerResponse<Response>
    ) async throws -> HTTPReply<Response> {
        guard body.count <= maximumRequestBody else { return .answered(contentTooLarge) }
        let inPlace = try body.withContiguousStorageIfAvailable { try fingerprint(of: $0) }
        let asked = try inPlace ?? Array(body).withUnsafeBufferPointer { try fingerprint(of: $0) }
        var own: Response?
        let reply = try await reply(asked) { execution in
            let response = try await handler(execution)
            own = response.response
            return HandlerResponse<Void>(
                (),
                status: response.status,
                fields: response.fields,
                body: response.body,
                disposition: response.disposition
            )
        }
        switch reply {
        case .ran(_, let fields): return .ran(own!, adding: fields)
        case .answered(let answer): return .answered(answer)
        }
    }

    /// What the policy makes of the request and its body.
    @usableFromInline
    func fingerprint(of body: UnsafeBufferPointer<UInt8>) throws -> Fingerprint? {
        if let make = rules.policy.fingerprint { return try make(request, Array(body)) }
        return Fingerprint(of: request, body: body)
    }

    /// What there is to do about a request, whatever a response is in its framework: all of it but the response itself, so that
    /// it is compiled once. What is around it in the caller's task is compiled where it is called, for the types there.
    @usableFromInline
    func reply(
        _ fingerprint: Fingerprint?,
        handler: nonisolated(nonsending) (IdempotentExecution) async throws -> HandlerResponse<Void>
    ) async throws -> HTTPReply<Void> {
        var hasBegun = false
        /// Whether the handler has had a response in this call.
        var hasResponded = false
        var isProtected = false
        /// Whether the handler threw an error of another key's, or of no run at all.
        var isForeign = false
        do {
            let outcome = try await rules.interceptor.keptOutcome(key: key, fingerprint: fingerprint) { execution in
                let response: HandlerResponse<Void>
                hasBegun = true
                do {
                    response = try await handler(execution)
                } catch {
                    if let error = error as? IdempotencyError { isForeign = !execution.isOwn(error) }
                    throw error
                }
                hasResponded = true
                isProtected = execution.token != nil
                switch response.disposition ?? rules.policy.disposition(response) {
                case .keep: return kept(of: response)
                case .discard: throw DiscardedResponse()
                case .discardWithoutEffect: throw EffectDidNotHappen(DiscardedResponse())
                }
            }
            return try reply(to: outcome, isProtected: isProtected)
        } catch is DiscardedResponse {
            // Nobody but this call's handler throws it, and it had a response.
            return .ran((), adding: [])
        } catch let error as IdempotencyError {
            // It happened, and there is nothing that a retry could be told later: the client had better know.
            if error.code == .resultNotSaved, hasResponded { return .ran((), adding: []) }
            // The rules that this call came through have its key.
            if error.code == .recursiveCall, !hasBegun { return .answered(answer(.protectedTwice)) }
            guard !isForeign, let problem = ProblemKind(error.code) else { throw error }
            return .answered(answer(problem))
        }
    }

    /// As ``respond(body:handler:)``, with the handler in a task of its own, which goes on when the caller is cancelled.
    ///
    /// - Parameters:
    ///   - body: The body, as it was sent.
    ///   - task: `.own`.
    ///   - handler: The work.
    /// - Throws: As ``respond(body:handler:)``; `CancellationError` once the caller is cancelled.
    public func respond<Response: Sendable>(
        body: [UInt8],
        task: HandlerTask,
        handler: @escaping @Sendable (IdempotentExecution) async throws -> HandlerResponse<Response>
    ) async throws -> HTTPReply<Response> {
        try await rules.interceptor.inOwnTask { try await respond(body: body, handler: handler) }
    }

    /// A response as the record keeps it: all of it, or else the fields that lead to the new resource.
    private func kept(of response: HandlerResponse<Void>) -> StoredValue {
        let fields = rules.policy.keptFields.kept(of: response.fields)
        if let body = response.body {
            let answer = HTTPAnswer(status: response.status, fields: fields, body: body)
            if let bytes = KeptResponse.whole(answer).encoded(), bytes.count <= maximumKeptBody { return .bytes(bytes) }
        }
        let rest = KeptResponse.withoutBody(status: response.status, KeptFields.withoutContent(fields))
        if let bytes = rest.encoded(), bytes.count <= maximumKeptBody { return .bytes(bytes) }
        return .omitted(.tooLarge)
    }

    private func reply(to outcome: IdempotentOutcome<StoredValue>, isProtected: Bool) throws -> HTTPReply<Void> {
        switch outcome {
        case .ran(let kept):
            // Where nothing is kept, nothing answers retries.
            if case .bytes(let bytes) = kept, KeptResponse.isWhole(bytes), isProtected {
                return .ran((), adding: rules.lifetimeFields)
            }
            return .ran((), adding: [])
        case .replayed(let kept):
            switch try KeptResponse(kept) {
            case .whole(let answer):
                // Without the lifetime, which counts from the first response on: how much is left of it is not known here.
                return .answered(answer.adding([HTTPIdempotency.replayedField]))
            case .withoutBody(let status, let fields):
                let detail = "\(ProblemKind.responseNotKept.detail) Its status was \(status)."
                return .answered(rules.problem(.responseNotKept, detail: detail, adding: fields))
            }
        case .inProgress(let remaining):
            return .answered(rules.problem(.inProgress, retryAfter: remaining))
        case .unknown:
            return .answered(answer(.outcomeUnknown))
        }
    }

    private func answer(_ problem: ProblemKind) -> HTTPAnswer {
        rules.problem(problem, retryAfter: problem.status == 503 ? rules.policy.retryDelay : nil)
    }
}

@available(Idempotency 0.1, *)
extension AdmittedRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The operation; never the key's value.
    public var description: String { "AdmittedRequest(\(key.scope.operation))" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the request.
    public var customMirror: Mirror { Mirror(self, children: ["key": key], displayStyle: .struct) }
}
