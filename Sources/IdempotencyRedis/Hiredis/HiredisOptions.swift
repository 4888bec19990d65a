#if Redis
internal import Idempotency

/// How a client talks to its server.
@available(Idempotency 0.1, *)
public struct HiredisOptions: Sendable {
    /// A certificate by which the client says who it is, for servers that ask for one.
    public struct ClientCertificate: Sendable {
        /// A file (PEM) with the certificate, and those that lead from it to a trusted one.
        public var certificates: String
        /// A file (PEM) with its private key.
        public var key: String

        /// Names the files.
        ///
        /// - Parameters:
        ///   - certificates: A file (PEM) with the certificate, and those that lead from it to a trusted one.
        ///   - key: A file (PEM) with its private key.
        public init(certificates: String, key: String) {
            self.certificates = certificates
            self.key = key
        }
    }

    /// How long it may take to connect. A host's name is resolved beside that, for as long as the system takes.
    public var connectTimeout: Duration = .seconds(5)

    /// How long the server may take to reply; at most a minute. A call ends within twice that. The time that `WAIT` waits for
    /// replicas has to be shorter.
    public var replyTimeout: Duration = .seconds(5)

    /// For addresses with `rediss://`: a file (PEM) of the certificates that may have signed the server's; `nil`: the system's.
    /// The server's certificate has to be for the host of the address.
    public var trustedCertificates: String?

    /// For addresses with `rediss://`: the client's own certificate; `nil`: none.
    public var clientCertificate: ClientCertificate?

    /// The defaults.
    public init() {}

    func validate() throws(IdempotencyError) {
        guard connectTimeout >= .milliseconds(1) else {
            throw RedisErrors.unusable("The connect timeout has to be at least a millisecond.")
        }
        guard replyTimeout >= .milliseconds(1), replyTimeout <= .seconds(60) else {
            throw RedisErrors.unusable("The reply timeout has to be a millisecond to a minute.")
        }
    }
}
#endif
