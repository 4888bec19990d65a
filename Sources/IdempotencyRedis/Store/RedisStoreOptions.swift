/// Where a store's records are, and what its server has to promise.
@available(Idempotency 0.1, *)
public struct RedisStoreOptions: Sendable {
    /// What to do with a server that may lose what it has acknowledged: it keeps no append-only file, or throws keys away when
    /// its memory is full.
    public enum UnsafeServer: Sendable {
        /// Nothing is done on it: opening the store fails, and says what to set.
        case refuse
        /// It is used, and ``RedisIdempotencyStore/warnings`` say what may be lost.
        case accept
    }

    /// How many replicas have to have a write before it is acknowledged (`WAIT`).
    public struct Replicas: Sendable {
        /// How many; at least 1.
        public var count: Int
        /// How long to wait for them; shorter than the client waits for a reply. If fewer have it by then, the call fails, and
        /// what became of the write is not known.
        public var timeout: Duration

        /// Asks for replicas.
        ///
        /// - Parameters:
        ///   - count: How many; at least 1.
        ///   - timeout: How long to wait for them.
        public init(_ count: Int, timeout: Duration = .seconds(1)) {
            self.count = count
            self.timeout = timeout
        }
    }

    /// What all of the store's keys begin with: 1 to 64 letters, digits, colons, dots, hyphens and underscores.
    public var prefix = "idempotency"

    /// What to do with a server that may lose what it has acknowledged.
    public var unsafeServer = UnsafeServer.refuse

    /// How many replicas have to have a write before it is acknowledged; `nil`: none.
    ///
    /// It makes it unlikely, not impossible, that a failover loses an acknowledged write: the replica that is promoted may be
    /// another one, and a primary that was cut off may have answered since. Not for a cluster: writes of several slots wait
    /// together, on one connection.
    public var replicas: Replicas?

    /// The defaults.
    public init() {}
}
