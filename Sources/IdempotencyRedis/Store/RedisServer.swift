internal import Idempotency

/// A server as the store speaks to it: by the script, which it is brought again when it has forgotten it.
@available(Idempotency 0.1, *)
struct RedisServer: Sendable {
    private let client: any RedisClient
    private let options: RedisStoreOptions
    private let script: RedisScript
    private let replication: RedisReplication?
    /// What is unsafe about the server, in sentences.
    let warnings: [String]

    /// Looks whether the server can be used, and brings it the script.
    init(_ client: any RedisClient, _ layout: RedisLayout, _ options: RedisStoreOptions) async throws {
        self.client = client
        self.options = options
        warnings = try await Self.look(at: client, options).warnings
        guard case .bytes(let digest) = try await client.ask(RedisScript.loading) else {
            throw RedisErrors.unexpectedReply
        }
        script = RedisScript(layout, digest: digest)
        replication = options.replicas.map { RedisReplication(client, $0) }
        // A forbidden command shows now, and not at the first call.
        try await tryCommands()
    }

    /// Runs the script both ways: a server that has lost it is sent it in full, which may be long after this.
    private nonisolated(nonsending) func tryCommands() async throws {
        let key = StoreProbe().key
        _ = try await ask(.load, key)
        _ = try await send(.load, script.command(.load, key, inFull: true)).checked()
    }

    // MARK: The script

    /// Has the script run.
    ///
    /// - Returns: Its reply; none that is an error.
    nonisolated(nonsending) func ask(_ request: RedisScript.Request, _ key: IdempotencyKey) async throws -> RedisReply {
        let reply = try await send(request, script.command(request, key))
        // After a restart, or `SCRIPT FLUSH`, the server knows no script: it is sent along, and known from then on.
        guard case .error(let text) = reply, text.hasPrefix("NOSCRIPT") else { return try reply.checked() }
        return try await send(request, script.command(request, key, inFull: true)).checked()
    }

    /// Has the script run for several keys, each by a call of its own: in a cluster they are on several servers.
    nonisolated(nonsending) func ask(
        _ request: RedisScript.Request,
        _ keys: [IdempotencyKey]
    ) async throws -> [RedisReply] {
        try await withThrowingTaskGroup(of: (Int, RedisReply).self) { group in
            for (index, key) in keys.enumerated() {
                group.addTask { (index, try await ask(request, key)) }
            }
            var replies = [RedisReply](repeating: .null, count: keys.count)
            for try await (index, reply) in group { replies[index] = reply }
            return replies
        }
    }

    private nonisolated(nonsending) func send(
        _ request: RedisScript.Request,
        _ command: RedisCommand
    ) async throws -> RedisReply {
        if let replication, request.writes { return try await replication.send(command) }
        return try await client.sendAll([command])[0]
    }

    // MARK: Other commands

    /// A part of the server's keys, those that match.
    ///
    /// - Returns: Their names, and where the next part begins; zero: nowhere.
    nonisolated(nonsending) func scan(
        _ pattern: String,
        from position: UInt64,
        count: Int
    ) async throws -> (names: [[UInt8]], next: UInt64) {
        let scan = RedisCommand("SCAN", String(position), "MATCH", pattern, "COUNT", String(count))
        guard
            case .array(let answer) = try await client.ask(scan), answer.count == 2,
            let next = answer[0].text.flatMap({ UInt64($0) }), case .array(let names) = answer[1]
        else { throw RedisErrors.unexpectedReply }
        return (names.compactMap { if case .bytes(let name) = $0 { name } else { nil } }, next)
    }

    /// Makes sure that the server may still be used, and that keys could be claimed: writes records and removes them.
    nonisolated(nonsending) func check() async throws -> StoreReport {
        let report = try await Self.look(at: client, options)
        try await tryCommands()
        // In several buckets, which in a cluster are on several servers.
        for _ in 0..<8 {
            let probe = StoreProbe()
            guard case .integer(let version) = try await ask(.write(probe.record, over: nil), probe.key) else {
                continue
            }
            _ = try await ask(.remove(RecordVersion(rawValue: UInt64(bitPattern: version))), probe.key)
        }
        return report
    }

    /// Returns what a server is, and what is unsafe about it.
    private static func look(at client: any RedisClient, _ options: RedisStoreOptions) async throws -> StoreReport {
        guard let text = try await client.ask(RedisCommand("INFO")).text else { throw RedisErrors.unexpectedReply }
        let info = RedisServerInfo(text)
        if info.isSentinel {
            throw RedisErrors.unusable(
                "This is a sentinel, which keeps no records; give the address of the primary that it watches."
            )
        }
        if info.isLoading { throw RedisErrors.error(for: RedisFailure(reply: "LOADING")) }
        if info.isReplica { throw RedisErrors.error(for: RedisFailure(reply: "READONLY")) }
        guard let version = info.version, version >= (6, 2) else {
            throw RedisErrors.unusable("The server is older than Redis 6.2, which the store needs; upgrade it.")
        }
        // Who may not read settings, as with most hosted servers, learns what `INFO` says.
        var flushes: String?
        let setting = RedisCommand("CONFIG", "GET", "appendfsync")
        if case .array(let pair) = try await client.sendAll([setting])[0], pair.count == 2 { flushes = pair[1].text }
        let warnings = info.warnings(flushes: flushes)
        if !warnings.isEmpty, options.unsafeServer == .refuse {
            throw RedisErrors.unusable(
                "The server may lose what it acknowledges: \(warnings.joined(separator: " ")) Or accept that with unsafeServer."
            )
        }
        return info.report(flushes: flushes, replicas: options.replicas?.count, warnings)
    }
}
