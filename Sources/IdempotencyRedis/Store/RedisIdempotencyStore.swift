public import Idempotency
import Synchronization

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
    let client: any RedisClient
    let layout: RedisLayout
    let subscribers = ChangeSubscribers()
    let listener: RedisListener
    /// How the store was told to be used.
    public let options: RedisStoreOptions
    private let script: RedisScript
    private let replication: RedisReplication?
    private let found: [String]

    /// Looks whether a server can be used, and brings it the script.
    ///
    /// - Parameters:
    ///   - client: How commands get to the server. Whoever made it closes it.
    ///   - options: Where the records are, and what the server has to promise.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable`` if the server
    ///   cannot be reached, or with ``/Idempotency/IdempotencyError/Code/invalidConfiguration`` if it cannot be used.
    public init(client: any RedisClient, options: RedisStoreOptions = RedisStoreOptions()) async throws {
        self.client = client
        self.options = options
        layout = try RedisLayout(prefix: options.prefix)
        if let replicas = options.replicas, replicas.count < 1 || replicas.timeout < .milliseconds(1) {
            throw RedisErrors.unusable("A write needs at least one replica, and at least a millisecond to get there.")
        }
        found = try await Self.look(at: client, options)
        guard case .bytes(let digest) = try await Self.ask(client, RedisScript.loading) else {
            throw RedisErrors.unexpectedReply
        }
        let script = RedisScript(layout, digest: digest)
        self.script = script
        replication = options.replicas.map { RedisReplication(client, $0) }
        listener = RedisListener(client, layout, subscribers) { keys in
            for reply in try await Self.ask(client, script, .watch, keys) { _ = try Self.checked(reply) }
        }
    }

    /// What is unsafe about the server, in sentences; empty if nothing is.
    ///
    /// Never anything but empty where ``RedisStoreOptions/unsafeServer`` is ``RedisStoreOptions/UnsafeServer/refuse``.
    public var warnings: [String] { found }

    /// Ends what the store does by itself: it listens no more. The client stays open.
    public func close() { listener.close() }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        try Self.value(try await ask(.load, key))?.stored
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
        let reply = try await ask(request, key)
        if case .integer(let version) = reply, version > 0 {
            // Who waits in this process need not wait for the server to tell.
            subscribers.wake([key])
            return .stored(RecordVersion(rawValue: UInt64(bitPattern: version)))
        }
        return .conflict(try Self.value(reply)?.stored)
    }

    // MARK: Talking to the server

    private nonisolated(nonsending) func ask(
        _ request: RedisScript.Request,
        _ key: IdempotencyKey
    ) async throws -> RedisReply {
        if let replication, request.writes {
            return try Self.checked(
                try await replication.send(script.command(request, key)) {
                    self.script.command(request, key, inFull: true)
                }
            )
        }
        return try Self.checked(try await Self.ask(client, script, request, key))
    }

    /// What is there under several keys.
    nonisolated(nonsending) func load(_ keys: [IdempotencyKey]) async throws -> [RedisReply] {
        try await Self.ask(client, script, .load, keys)
    }

    /// Has the script run for several keys, each by a call of its own: in a cluster they are on several servers.
    private nonisolated(nonsending) static func ask(
        _ client: any RedisClient,
        _ script: RedisScript,
        _ request: RedisScript.Request,
        _ keys: [IdempotencyKey]
    ) async throws -> [RedisReply] {
        try await withThrowingTaskGroup(of: (Int, RedisReply).self) { group in
            for (index, key) in keys.enumerated() {
                group.addTask { (index, try await ask(client, script, request, key)) }
            }
            var replies = [RedisReply](repeating: .null, count: keys.count)
            for try await (index, reply) in group { replies[index] = reply }
            return replies
        }
    }

    private nonisolated(nonsending) static func ask(
        _ client: any RedisClient,
        _ script: RedisScript,
        _ request: RedisScript.Request,
        _ key: IdempotencyKey
    ) async throws -> RedisReply {
        let reply = try await send(client, [script.command(request, key)])[0]
        // After a restart, or `SCRIPT FLUSH`, the server knows no script: it is sent along, and known from then on.
        if !reply.isNoScript { return reply }
        return try await send(client, [script.command(request, key, inFull: true)])[0]
    }

    /// Sends commands. Returns a reply each.
    nonisolated(nonsending) static func send(
        _ client: any RedisClient,
        _ commands: [RedisCommand]
    ) async throws -> [RedisReply] {
        do {
            let replies = try await client.send(commands)
            guard replies.count == commands.count else { throw RedisErrors.unexpectedReply }
            return replies
        } catch {
            throw RedisErrors.error(for: error)
        }
    }

    /// Sends a command.
    nonisolated(nonsending) static func ask(
        _ client: any RedisClient,
        _ command: RedisCommand
    ) async throws -> RedisReply {
        try checked(try await send(client, [command])[0])
    }

    private static func checked(_ reply: RedisReply) throws -> RedisReply {
        if case .error(let text) = reply { throw RedisErrors.error(for: RedisFailure(reply: text)) }
        return reply
    }

    /// A value that the script has answered; `nil`: there is nothing.
    static func value(_ reply: RedisReply) throws -> RedisValue? {
        switch try checked(reply) {
        case .null: nil
        case .bytes(let bytes): try RedisValue(bytes)
        case .integer, .array, .error: throw RedisErrors.unexpectedReply
        }
    }

    // MARK: Looking at the server

    /// Returns what is unsafe about the server.
    nonisolated(nonsending) static func look(
        at client: any RedisClient,
        _ options: RedisStoreOptions
    ) async throws -> [String] {
        guard let text = try await ask(client, RedisCommand("INFO")).text else { throw RedisErrors.unexpectedReply }
        let info = RedisServerInfo(text)
        if info.isLoading { throw RedisErrors.error(for: RedisFailure(reply: "LOADING")) }
        if info.isReplica { throw RedisErrors.error(for: RedisFailure(reply: "READONLY")) }
        guard let version = info.version, version >= (6, 2) else {
            throw RedisErrors.unusable("The server is older than Redis 6.2, which the store needs; upgrade it.")
        }
        // Who may not read settings, as with most hosted servers, learns what `INFO` says.
        var flushes: String?
        if case .array(let pair) = try await send(client, [RedisCommand("CONFIG", "GET", "appendfsync")])[0],
            pair.count == 2
        {
            flushes = pair[1].text
        }
        let warnings = info.warnings(flushes: flushes)
        if !warnings.isEmpty, options.unsafeServer == .refuse {
            throw RedisErrors.unusable(
                "The server may lose what it acknowledges: \(warnings.joined(separator: " ")) Or accept that with unsafeServer."
            )
        }
        return warnings
    }
}

@available(Idempotency 0.1, *)
extension RedisScript.Request {
    fileprivate var writes: Bool {
        switch self {
        case .write, .remove: true
        case .load, .watch: false
        }
    }
}

@available(Idempotency 0.1, *)
extension RedisReply {
    /// Whether the server does not know the script, so that nothing ran.
    var isNoScript: Bool { if case .error(let text) = self { text.hasPrefix("NOSCRIPT") } else { false } }
}
