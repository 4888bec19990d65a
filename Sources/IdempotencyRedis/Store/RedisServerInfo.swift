internal import Idempotency

/// What a server says of itself (`INFO`), as far as it matters to a store.
@available(Idempotency 0.1, *)
struct RedisServerInfo {
    private let fields: [Substring: Substring]

    /// - Parameter text: The reply to `INFO`.
    init(_ text: String) {
        var fields: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...]
        }
        self.fields = fields
    }

    /// The version whose commands it has: of Valkey too, which says what it is compatible with.
    var version: (major: Int, minor: Int)? {
        let parts = fields["redis_version"]?.split(separator: ".") ?? []
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1]) else { return nil }
        return (major, minor)
    }

    var isReplica: Bool { fields["role"] == "slave" }

    /// Whether it only watches over servers.
    var isSentinel: Bool { fields["redis_mode"] == "sentinel" }

    var isLoading: Bool { fields["loading"] == "1" && fields["async_loading"] != "1" }

    /// The server's description of itself, for a check that it has passed.
    ///
    /// - Parameters:
    ///   - flushes: Its setting `appendfsync`, if it tells.
    ///   - replicas: How many replicas confirm each write; `nil`: none is asked.
    ///   - warnings: What is unsafe about it.
    func report(flushes: String?, replicas: Int?, _ warnings: [String]) -> StoreReport {
        var settings: [StoreReport.Setting] = []
        if let isKept = fields["aof_enabled"] { settings.append(.init("appendonly", isKept == "1" ? "yes" : "no")) }
        if let flushes { settings.append(.init("appendfsync", flushes)) }
        if let policy = fields["maxmemory_policy"] { settings.append(.init("maxmemory-policy", String(policy))) }
        if let replicas { settings.append(.init("WAIT", String(replicas))) }
        return StoreReport(
            product: fields["server_name"] == "valkey" ? "Valkey" : "Redis",
            version: (fields["valkey_version"] ?? fields["redis_version"]).map(String.init),
            address: fields["tcp_port"].map { "port \($0)" },
            role: fields["role"] == "master" ? .primary : .unknown,
            settings: settings,
            warnings: warnings
        )
    }

    /// Why the server may lose what it has acknowledged, in sentences.
    ///
    /// - Parameter flushes: Its setting `appendfsync`, if it tells.
    func warnings(flushes: String?) -> [String] {
        var warnings: [String] = []
        if let policy = fields["maxmemory_policy"], policy != "noeviction" {
            warnings.append(
                "maxmemory-policy is \(policy): when its memory is full, the server throws records away, and a retry then runs "
                    + "again. Set it to 'noeviction'."
            )
        }
        if fields["aof_enabled"] != "1" {
            warnings.append(
                "appendonly is off: a crash of the server loses what it has acknowledged since its last snapshot, and a retry then "
                    + "runs again. Set it to 'yes'."
            )
        } else if flushes == "no" {
            warnings.append(
                "appendfsync is off: a crash of the server's machine may lose half a minute of what it has acknowledged. Set it to "
                    + "'everysec' or 'always'."
            )
        }
        return warnings
    }
}
