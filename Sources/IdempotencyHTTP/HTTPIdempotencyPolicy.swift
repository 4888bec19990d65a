public import Idempotency

/// What a service decides about the field `Idempotency-Key`. How long responses are kept, what follows a crash and the like are
/// matters of the interceptor's `OperationPolicy`.
@available(Idempotency 0.1, *)
public struct HTTPIdempotencyPolicy: Sendable {
    /// The methods that are protected: `POST` and `PATCH`, which are not idempotent by themselves (RFC 9110, section 9.2.2).
    public var methods: Set<String> = ["POST", "PATCH"]

    /// Whether a request of a protected method must have a key; `.required` for all.
    public var requirement: @Sendable (IdempotentRequest) -> KeyRequirement = { _ in .required }

    /// Whether a key without quotes will do, which many clients send: `k` is then the same key as `"k"`.
    public var acceptsBareKeys = false

    /// What a key must look like.
    public var keyFormat = KeyFormat.any

    /// What happens to a request with a key if nobody is known to have sent it.
    public var missingPrincipal = MissingPrincipal.refuse

    /// The largest body of a request, in bytes; 1 MiB. It is held in memory until the handler has run.
    public var maximumRequestBody = 1 << 20

    /// The content codings (RFC 9110, section 8.4.1) that a request's body may have; those that are registered. The bytes are
    /// never decoded: a fingerprint is made of them as they were sent.
    public var contentCodings: Set<String> = [
        "aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "identity", "pack200-gzip", "x-compress",
        "x-gzip", "zstd",
    ]

    /// What makes two requests the same, of a request and its body; method, path, query and body by default. `nil`: any request
    /// with the key is a repetition.
    ///
    /// What it throws is thrown to the caller, and nothing runs.
    public var fingerprint: (@Sendable (IdempotentRequest, [UInt8]) throws -> Fingerprint?)?

    /// Which of a response's fields a replay repeats.
    public var keptFields = KeptFields.standard

    /// Decides by the handler's response whether it is kept: by its status, its fields, and its body if that is not a stream.
    ///
    /// Services whose errors have the status 200, as in GraphQL and JSON-RPC, look at the body.
    public var disposition: @Sendable (HandlerResponse<Void>) -> ResponseDisposition = { .standard($0.status) }

    /// After what time a client is to repeat a request that could not be carried out; 2 s. Sent in whole seconds, rounded up.
    public var retryDelay = Duration.seconds(2)

    /// Where the service's clients can read about its keys. Each problem then has a field `Link` with the relation
    /// `describedby`.
    public var documentation: String?

    /// What problem types begin with (RFC 9457, section 3.1.1); each ends with its name, such as `key-missing`.
    public var problemTypePrefix = "urn:problem-type:idempotency:"

    /// The standard policy.
    public init() {}
}
