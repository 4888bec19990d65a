public import Idempotency

/// Keeps records on a Redis or Valkey server, which any number of processes and machines share.
///
/// - **Atomicity**: one script, `check-and-set.lua`. The server runs one at a time.
/// - **Durability**: what the server's settings promise, and no more: see <doc:IdempotencyRedis>. A server without an
///   append-only file, or one that throws keys away, is refused, or used knowingly (``RedisStoreOptions/UnsafeServer``).
/// - **Clock**: the server's. One that is set back by an hour makes each lease an hour longer.
/// - **Speed**: calls share one connection, and travel together when several wait.
///
/// Expired records go by the server's own expiry: a purge finds none.
@available(Idempotency 0.1, *)
public final class RedisIdempotencyStore: IdempotencyStore {
    let server: RedisServer
    let layout: RedisLayout
    let subscribers = ChangeSubscribers()
    let listener: ChangeListener
    /// How the store was told to be used.
    public let options: RedisStoreOptions

    /// Looks whether a server can be used, and brings it the script.
    ///
    /// - Parameters:
    ///   - client: How commands get to the server. Whoever made it closes it.
    ///   - options: Where the records are, and what the server has to promise.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable`` if the server
    ///   cannot be reached, or with ``/Idempotency/IdempotencyError/Code/invalidConfiguration`` if it cannot be used.
    public init(client: any RedisClient, options: RedisStoreOptions = RedisStoreOptions()) async throws {
        self.options = options
        layout = try RedisLayout(prefix: options.prefix)
        if let replicas = options.replicas, replicas.count < 1 || replicas.timeout < .milliseconds(1) {
            throw RedisErrors.unusable("A write needs at least one replica, and at least a millisecond to get there.")
        }
        let server = try await RedisServer(client, layout, options)
        self.server = server
        let changes = RedisChangeSource(client, server, layout)
        listener = ChangeListener(changes, subscribers, closed: RedisErrors.closed)
    }

    /// What is unsafe about the server, in sentences; empty if nothing is.
    ///
    /// Never anything but empty where ``RedisStoreOptions/unsafeServer`` is ``RedisStoreOptions/UnsafeServer/refuse``.
    public var warnings: [String] { server.warnings }

    /// Ends what the store does by itself: it listens no more. The client stays open.
    public func close() { listener.close() }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        try RedisValue(reply: try await server.ask(.load, key))?.stored
    }

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The version that must be there; `nil`: nothing, or an expired record.
    ///   - change: What to do.
    public nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let request: RedisScript.Request =
            switch change {
            case .write(let record): .write(record, over: expected)
            case .remove: .remove(expected)
            }
        let reply = try await server.ask(request, key)
        if case .integer(let version) = reply, version > 0 {
            // Who waits in this process need not wait for the server to tell.
            subscribers.wake([key])
            return .stored(RecordVersion(rawValue: UInt64(bitPattern: version)))
        }
        return .conflict(try RedisValue(reply: reply)?.stored)
    }
}
