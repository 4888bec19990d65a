public import Idempotency

/// The rules of the field `Idempotency-Key` for a service, free of any framework.
///
/// They are those of the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header), with
/// problem documents of RFC 9457. A framework's adapter describes each request (``IdempotentRequest``), has it admitted, reads
/// its body, and lets ``AdmittedRequest`` run the handler or answer:
///
/// ```swift
/// let rules = HTTPIdempotency(interceptor: interceptor)
/// switch try await rules.admit(request, principal: { _ in user }) {
/// case .unprotected: …
/// case .refused(let answer): …
/// case .admitted(let admitted): … try await admitted.respond(body: body) { execution in … }
/// }
/// ```
@available(Idempotency 0.1, *)
public struct HTTPIdempotency: Sendable {
    /// The field of a response that says that it was given before.
    public static let replayedField = HeaderField("Idempotent-Replayed", "true")

    /// The name of the field of a first response that says for how many seconds from then on it answers retries.
    public static let lifetimeFieldName = "Idempotency-Key-Lifetime"

    /// Behind one reference: a copy of all of it would count a dozen that every request on every processor shares.
    private final class Storage: Sendable {
        let interceptor: IdempotencyInterceptor
        let policy: HTTPIdempotencyPolicy
        let keyField: IdempotencyKeyField
        let lifetimeFields: [HeaderField]
        /// In lower case: case does not count (RFC 9110, section 8.4.1).
        let contentCodings: Set<String>

        init(_ interceptor: IdempotencyInterceptor, _ policy: HTTPIdempotencyPolicy) {
            self.interceptor = interceptor
            self.policy = policy
            keyField = IdempotencyKeyField(acceptsBareKeys: policy.acceptsBareKeys)
            contentCodings = Set(policy.contentCodings.map { $0.lowercased() })
            let seconds = max(1, interceptor.policy.retention.components.seconds)
            lifetimeFields = [HeaderField(HTTPIdempotency.lifetimeFieldName, String(seconds))]
        }
    }

    private let storage: Storage

    /// What runs handlers and keeps responses.
    public var interceptor: IdempotencyInterceptor { storage.interceptor }
    /// What the service decides about keys.
    public var policy: HTTPIdempotencyPolicy { storage.policy }

    var lifetimeFields: [HeaderField] { storage.lifetimeFields }
    var maximumRequestBody: Int { storage.policy.maximumRequestBody }
    var maximumKeptBody: Int { storage.interceptor.policy.maximumResultSize }

    /// Makes the rules of a service, or of some of its routes.
    ///
    /// - Parameters:
    ///   - interceptor: What runs handlers and keeps responses. Its policy's retention is how long a response answers retries,
    ///     its `waitLimit` how long a duplicate waits before it is told that the first is in progress, its
    ///     `maximumResultSize` how much is kept of a response.
    ///   - policy: What the service decides about keys.
    public init(interceptor: IdempotencyInterceptor, policy: HTTPIdempotencyPolicy = HTTPIdempotencyPolicy()) {
        storage = Storage(interceptor, policy)
    }

    /// Decides about a request before its body is read. Nothing is stored.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - principal: Who sent it, as authenticated: one and the same text for each of the sender's requests. Asked only if the
    ///     request has a key; what it throws is thrown on, so that authorisation comes before any replay.
    /// - Throws: What `principal` throws; `IdempotencyError` with `invalidKey` if the route is empty or holds control characters.
    public func admit(
        _ request: IdempotentRequest,
        principal: nonisolated(nonsending) (IdempotentRequest) async throws -> String?
    ) async throws -> Admission {
        guard storage.policy.methods.contains(request.method) else { return .unprotected }
        let requirement = storage.policy.requirement(request)
        if case .ignored = requirement { return .unprotected }
        let key: String?
        do {
            key = try storage.keyField.key(in: request.values(of: IdempotencyKeyField.name))
        } catch {
            return .refused(problem(.keyMalformed, detail: error.description))
        }
        guard let key else {
            if case .optional = requirement { return .unprotected }
            return .refused(problem(.keyMissing))
        }
        guard storage.policy.keyFormat.accepts(key) else {
            return .refused(problem(.keyMalformed, detail: "The key must be \(storage.policy.keyFormat.description)."))
        }
        if let refusal = refusal(ofContentOf: request) { return .refused(refusal) }
        let sender = try await principal(request)
        if sender?.isEmpty ?? true, case .refuse = storage.policy.missingPrincipal {
            return .refused(problem(.principalMissing))
        }
        let scope = try RequestScope.scope(of: request, principal: sender)
        return .admitted(
            AdmittedRequest(rules: self, request: request, key: try RequestScope.key(key, of: request, in: scope))
        )
    }

    /// What is wrong with what the request says of its body.
    private func refusal(ofContentOf request: IdempotentRequest) -> HTTPAnswer? {
        let codings = request.values(of: "Content-Encoding").lazy.flatMap { $0.split(separator: ",") }
            .map { $0.trimmingSpaces().lowercased() }
            .filter { !$0.isEmpty }
        guard codings.allSatisfy({ storage.contentCodings.contains($0) }) else {
            // RFC 9110, section 15.5.16: what would have been accepted.
            let accepted = HeaderField(
                "Accept-Encoding",
                storage.contentCodings.sorted().joined(separator: ", ")
            )
            return problem(.contentEncodingUnknown, adding: [accepted])
        }
        if let length = request.contentLength, length > storage.policy.maximumRequestBody {
            return contentTooLarge
        }
        return nil
    }

    /// The response to a request whose body is too large; it says how large one may be.
    var contentTooLarge: HTTPAnswer {
        problem(
            .contentTooLarge,
            detail:
                "The body is larger than \(maximumRequestBody) bytes, the most that this operation takes. Nothing was done."
        )
    }

    /// The response that says what is wrong.
    func problem(
        _ kind: ProblemKind,
        detail: String? = nil,
        retryAfter: Duration? = nil,
        adding more: [HeaderField] = []
    ) -> HTTPAnswer {
        let document = ProblemDocument(
            type: storage.policy.problemTypePrefix + kind.rawValue,
            title: kind.title,
            status: kind.status,
            detail: detail.map { "\($0) \(kind.detail)" } ?? kind.detail
        )
        var fields = [HeaderField("Content-Type", ProblemDocument.contentType)] + more
        if let retryAfter {
            // RFC 9110, section 10.2.3: whole seconds. Never zero, so that nobody asks in a loop.
            let seconds = retryAfter.components.seconds + (retryAfter.components.attoseconds > 0 ? 1 : 0)
            fields.append(HeaderField("Retry-After", String(max(1, seconds))))
        }
        if let documentation = storage.policy.documentation {
            fields.append(HeaderField("Link", "<\(documentation)>; rel=\"describedby\""))
        }
        return HTTPAnswer(status: kind.status, fields: fields, body: document.encoded())
    }
}
