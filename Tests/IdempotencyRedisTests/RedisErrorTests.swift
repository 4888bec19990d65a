#if Redis
import Idempotency
import ServerHarness
import Testing

@testable import IdempotencyRedis

@Suite("What goes wrong on Redis is said, and harms nothing", .timeLimit(.minutes(10)))
struct RedisErrorTests {
    private func key(_ value: String = "secret-key") throws -> IdempotencyKey {
        try IdempotencyKey(operation: "charge", value: value)
    }

    /// The error has this code, says this, and shows neither a key nor a password.
    private func expect(
        _ error: IdempotencyError?,
        _ code: IdempotencyError.Code,
        _ text: String,
        at location: SourceLocation = #_sourceLocation
    ) {
        let description = "\(error.map { "\($0)" } ?? "nothing was thrown")"
        #expect(error?.code == code, "\(description)", sourceLocation: location)
        #expect(description.contains(text), "\(description)", sourceLocation: location)
        for secret in ["secret-key", "pass-word"] {
            #expect(!description.contains(secret), sourceLocation: location)
            let isShown = error?.debugDescription.contains(secret) ?? false
            #expect(!isShown, sourceLocation: location)
        }
    }

    private func opening(_ address: String, _ options: RedisStoreOptions = RedisStoreOptions()) async
        -> IdempotencyError?
    {
        return await refusal {
            let store = try await RedisIdempotencyStore(
                client: HiredisClient(address, options: .patient),
                options: options
            )
            store.close()
        }
    }

    @Test("A server that is not there", arguments: ["redis://127.0.0.1:1", "redis://no-such-host.invalid"])
    func unreachable(_ address: String) async throws {
        expect(await opening(address), .storeUnavailable, "Nothing was changed")
    }

    @Test(
        "An address that is none",
        arguments: [
            "", "redis", "127.0.0.1:6379", "http://localhost", "redis://", "redis://:pass-word@", "redis://h:0",
            "redis://h:70000",
            "redis://h/db", "redis://h/-1", "redis://h/1/2", "redis://secret-key@h", "redis://h?x=pass-word",
            "redis://h:pass-word",
        ]
    )
    func malformed(_ address: String) async throws {
        expect(await opening(address), .invalidConfiguration, "redis://user:password@host:port/database")
    }

    @Test("TLS, which hiredis has not before 1.0, or a server that is not there")
    func tls() async throws {
        let error = await opening("rediss://:pass-word@127.0.0.1:1")
        if error?.code == .invalidConfiguration {
            expect(error, .invalidConfiguration, "no TLS")
        } else {
            expect(error, .storeUnavailable, "cannot connect")
        }
    }

    @Test("Timeouts that are none")
    func timeouts() async throws {
        for span in [Duration.zero, .seconds(-1), .seconds(61)] {
            var options = HiredisOptions()
            options.replyTimeout = span
            let error = await refusal { _ = try HiredisClient("redis://127.0.0.1", options: options) }
            expect(error, .invalidConfiguration, "reply timeout")
        }
    }

    @Test(
        "A prefix that is none",
        arguments: ["", "a b", "a{b}", "a*", "é", "a\r\nb", String(repeating: "a", count: 65)]
    )
    func prefixes(_ prefix: String) async throws {
        var options = RedisStoreOptions()
        options.prefix = prefix
        expect(await opening(try Server.address, options), .invalidConfiguration, "letters, digits")
    }

    @Test("A password that is wrong, missing, or right, with and without a user, and a user without rights")
    func authentication() async throws {
        // What is special in an address is percent-encoded.
        let server = try OwnServer("--requirepass", "pass-word@:/")
        let port = server.port
        expect(await opening(server.address), .storeUnavailable, "NOAUTH")
        expect(await opening("redis://:pass-word@127.0.0.1:\(port)"), .storeUnavailable, "WRONGPASS")
        #expect(await opening("redis://:pass-word%40%3A%2F@127.0.0.1:\(port)") == nil)
        let client = try HiredisClient("redis://:pass-word%40%3A%2F@127.0.0.1:\(port)/3")
        for (user, rights) in [
            ("service", "~idempotency:* &idempotency:* +@read +@write +@scripting +@pubsub +time +info +wait"),
            ("reader", "~idempotency:* +@read +@scripting +time +info"),
        ] {
            let words = ["SETUSER", user, "on", ">pass-word"] + rights.split(separator: " ").map(String.init)
            let reply = try await client.send([RedisCommand("ACL", words.map { Array($0.utf8) })])[0]
            #expect(reply.text == "OK")
        }
        expect(await opening("redis://nobody:pass-word@127.0.0.1:\(port)"), .storeUnavailable, "WRONGPASS")
        // The least rights are enough for everything.
        let user = try await Server.store(
            try HiredisClient("redis://service:pass-word@127.0.0.1:\(port)"),
            prefix: "idempotency"
        )
        let answer = try await IdempotencyInterceptor(store: user).idempotent(key: key()) { _ in "A" }
        #expect(answer == "A")
        try await user.check()
        let subscription = try await user.subscribe(to: key()) {}
        subscription.cancel()
        #expect(try await user.list(RecordQuery(), after: nil, limit: 10).records.count == 1)
        user.close()
        // Even a read says at once that the server is a primary, which needs the right to write.
        expect(await opening("redis://reader:pass-word@127.0.0.1:\(port)"), .storeUnavailable, "NOPERM")
        await client.close()
    }

    @Test("A database that is not there")
    func database() async throws {
        expect(await opening(try Server.address + "/4711"), .storeUnavailable, "Nothing was changed")
    }

    @Test("Something of another type, or that is no record, under a key of the store: it stays as it is")
    func foreignValues() async throws {
        let client = try Server.client()
        let prefix = Server.freshPrefix()
        let store = try await Server.store(client, prefix: prefix)
        let names = ["list", "empty", "one", "short", "text", "newer", "damaged"]
        for name in names {
            // Where the record would be.
            guard case .stored = try await store.checkAndSet(key(name), expecting: nil, .write(.claim)) else {
                continue
            }
        }
        guard case .array(let found) = try await client.ask("KEYS", "\(prefix):*/*") else { return }
        var places: [String: String] = [:]
        for name in names { places[name] = found.compactMap(\.text).first { $0.hasSuffix("/\(name)") } }
        let record = try #require(places["newer"])
        guard case .bytes(var newer) = try await client.ask("GET", record) else { return }
        newer[0] = 2
        var damaged = newer
        damaged[0] = 0
        damaged[30] ^= 1
        let list = try #require(places["list"])
        #expect(try await client.ask("DEL", list) == .integer(1))
        #expect(try await client.ask("RPUSH", list, "x") == .integer(1))
        let values: [String: [UInt8]] = [
            "empty": [], "one": [0], "short": Array("value".utf8),
            "text": Array("a text that somebody else has put here".utf8),
            "newer": newer, "damaged": damaged,
        ]
        for (name, value) in values {
            let place = try #require(places[name])
            #expect(try await client.send([RedisCommand("SET", [Array(place.utf8), value])])[0].text == "OK")
        }
        for name in names {
            let calls: [(String, () async throws -> Void)] = [
                ("load", { _ = try await store.load(try key(name)) }),
                ("claim", { _ = try await store.checkAndSet(try key(name), expecting: nil, .write(.claim)) }),
                ("remove", { _ = try await store.checkAndSet(try key(name), expecting: nil, .remove) }),
                (
                    "run",
                    { _ = try await IdempotencyInterceptor(store: store).idempotent(key: try key(name)) { _ in "A" } }
                ),
            ]
            for (call, body) in calls {
                let error = await refusal { try await body() }
                switch name {
                case "list": expect(error, .storeUnavailable, "WRONGTYPE")
                case "newer": expect(error, .unsupportedRecordVersion, "upgrade")
                default:
                    #expect(error?.code == .corruptRecord, "\(name), \(call): \(error.map { "\($0)" } ?? "nothing")")
                }
            }
        }
        for (name, value) in values {
            #expect(try await client.ask("GET", places[name] ?? "") == .bytes(value), "\(name)")
        }
        #expect(try await client.ask("LLEN", list) == .integer(1))
        store.close()
        await client.close()
    }

    @Test("Scenario 34: a server that may lose what it acknowledges is refused, or used with a warning")
    func unsafeServers() async throws {
        let cases = [
            (["--appendonly", "no"], "appendonly is off"), (["--appendfsync", "no"], "appendfsync is off"),
            (["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"], "maxmemory-policy is allkeys-lru"),
            (["--maxmemory-policy", "volatile-ttl"], "maxmemory-policy is volatile-ttl"),
        ]
        for (settings, text) in cases {
            let server = try OwnServer(settings)
            expect(await opening(server.address), .invalidConfiguration, text)
            var options = RedisStoreOptions()
            options.unsafeServer = .accept
            let client = try HiredisClient(server.address)
            let store = try await RedisIdempotencyStore(client: client, options: options)
            #expect(store.warnings.count == 1 && store.warnings[0].contains(text), "\(store.warnings)")
            let answer = try await IdempotencyInterceptor(store: store).idempotent(key: key()) { _ in "A" }
            #expect(answer == "A")
            store.close()
            await client.close()
        }
        #expect(try await Server.store().warnings.isEmpty)
    }

    @Test("A server that becomes unsafe after it was opened fails its check")
    func becomesUnsafe() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address)
        let store = try await RedisIdempotencyStore(client: client)
        let report = try await store.check()
        #expect(report.role == .primary && report.version != nil && report.warnings.isEmpty)
        #expect(report.value(of: "appendonly") == "yes" && report.value(of: "maxmemory-policy") == "noeviction")
        #expect(try await client.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-random").text == "OK")
        expect(await refusal { try await store.check() }, .invalidConfiguration, "allkeys-random")
        store.close()
        await client.close()
    }

    @Test("A full memory: writes are refused, what is there stays, and afterwards the store goes on")
    func outOfMemory() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address)
        let store = try await RedisIdempotencyStore(client: client)
        guard case .stored(let version) = try await store.checkAndSet(key("k"), expecting: nil, .write(.claim)) else {
            Issue.record("an absent key was not claimed")
            return
        }
        let kept = try await store.load(key("k"))
        #expect(try await client.ask("CONFIG", "SET", "maxmemory", "100kb").text == "OK")
        let claim = await refusal { _ = try await store.checkAndSet(key("new"), expecting: nil, .write(.claim)) }
        expect(claim, .capacityExceeded, "maxmemory")
        let finish = await refusal { _ = try await store.checkAndSet(key("k"), expecting: version, .write(.claim)) }
        expect(finish, .capacityExceeded, "maxmemory")
        #expect(try await store.load(key("new")) == nil)
        #expect(try await store.load(key("k"))?.version == kept?.version)
        #expect(try await client.ask("CONFIG", "SET", "maxmemory", "0").text == "OK")
        guard case .stored = try await store.checkAndSet(key("k"), expecting: version, .write(.claim)) else {
            Issue.record("the claim was not renewed")
            return
        }
        store.close()
        await client.close()
    }

    @Test("Redis before 7.0 has what a command in a script was answered with behind words of its own")
    func wrapped() {
        let start = "ERR Error running script (call to f_0123): @user_script:24: "
        let cases: [(String, IdempotencyError.Code, String)] = [
            ("@user_script: 24: -OOM command not allowed when used memory > 'maxmemory'. ", .capacityExceeded, "(OOM)"),
            (
                "@user_script: 24: -READONLY You can't write against a read only replica. ", .storeUnavailable,
                "(READONLY)"
            ),
            ("@user_script: 24: -NOREPLICAS Not enough good replicas to write. ", .storeUnavailable, "(NOREPLICAS)"),
            ("The user executing the script can't run this command or subcommand ", .storeUnavailable, "(NOPERM)"),
        ]
        for (end, code, text) in cases {
            expect(RedisErrors.error(for: RedisFailure(reply: start + end)) as? IdempotencyError, code, text)
        }
    }

    @Test("A command that is renamed or forbidden is named in the error, when the store is opened or checked")
    func renamed() async throws {
        for command in ["EVALSHA", "EVAL", "SCRIPT", "INFO"] {
            let server = try OwnServer("--rename-command", "\(command) nothing-\(command)")
            expect(await opening(server.address), .storeUnavailable, "renamed or forbidden")
        }
    }

    @Test("A replica, a primary with too few replicas, and a server that is still loading")
    func notReady() async throws {
        let primary = try OwnServer("--min-replicas-to-write", "0", "--key-load-delay", "0")
        let replica = try OwnServer("--replicaof", "127.0.0.1 \(primary.port)")
        expect(await opening(replica.address), .storeUnavailable, "READONLY")
        let client = try HiredisClient(primary.address)
        let store = try await RedisIdempotencyStore(client: client)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6000 {
                group.addTask { _ = try await store.checkAndSet(key("k-\(number)"), expecting: nil, .write(.claim)) }
            }
            try await group.waitForAll()
        }
        #expect(try await client.ask("CONFIG", "SET", "min-replicas-to-write", "5").text == "OK")
        let error = await refusal { _ = try await store.checkAndSet(key(), expecting: nil, .write(.claim)) }
        expect(error, .storeUnavailable, "NOREPLICAS")
        #expect(try await client.ask("CONFIG", "SET", "min-replicas-to-write", "0").text == "OK")
        // It becomes a replica: a failover that this store has not followed.
        #expect(try await client.ask("REPLICAOF", "127.0.0.1", "1").text == "OK")
        let connection = try await client.ask("CLIENT", "ID").integer
        let demoted = await refusal { _ = try await store.checkAndSet(key(), expecting: nil, .write(.claim)) }
        expect(demoted, .storeUnavailable, "READONLY")
        // The address may mean another server by now: the connection is made anew.
        #expect(try await client.ask("CLIENT", "ID").integer != connection)
        #expect(try await client.ask("REPLICAOF", "NO", "ONE").text == "OK")
        let settings = ["key-load-delay", "300"]
        #expect(
            try await client.send([RedisCommand("CONFIG", (["SET"] + settings).map { Array($0.utf8) })])[0].text == "OK"
        )
        #expect(try await client.ask("CONFIG", "REWRITE").text == "OK")
        try primary.control("crash")
        try primary.control("resume")
        var errors: Set<String> = []
        // It loads for some 7 s: four commands a key. After each 1024 of them it looks who has sent something.
        while let error = await refusal({ _ = try await store.load(key("k-1")) }) {
            errors.insert(error.message)
            if error.message.contains("LOADING") { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(errors.contains { $0.contains("LOADING") }, "\(errors)")
        #expect(try await StoreLoad.recover(store))
        #expect(try await store.load(key("k-1")) != nil)
        store.close()
        await client.close()
    }

    @Test("What is closed refuses calls")
    func closed() async throws {
        let client = try Server.client()
        let store = try await Server.store(client)
        await client.close()
        expect(await refusal { _ = try await store.load(key()) }, .storeUnavailable, "closed")
        store.close()
        expect(await refusal { _ = try await store.subscribe(to: key()) {} }, .storeUnavailable, "closed")
    }

    @Test("Keys that look like the protocol, like patterns or like hash tags do nothing but name a record")
    func injection() async throws {
        let client = try Server.client()
        let prefix = Server.freshPrefix()
        let store = try await Server.store(client, prefix: prefix)
        let interceptor = IdempotencyInterceptor(store: store)
        #expect(try await client.ask("SET", "\(prefix)-canary", "alive").text == "OK")
        let texts = [
            "\\r\\n*1\\r\\n$8\\r\\nFLUSHALL\\r\\n", "*3 $3 SET", "$-1", "+OK", "-ERR", ":1", "FLUSHALL", "{x}", "}{",
            "{}", "a{b}c", "*", "?", "[a-z]",
            "\\", "a/b", "/", "../..", "%2F", ";tenant=x", "' return redis.call('FLUSHALL') --", "]]",
            "é", "e\u{301}", "👩‍👩‍👧", String(repeating: "{", count: 255),
        ]
        for text in texts {
            let scopes = [
                try IdempotencyScope("op"),
                try IdempotencyScope(text == String(repeating: "{", count: 255) ? "{" : text, tenant: "t"),
            ]
            for scope in scopes {
                let key = try IdempotencyKey(scope: scope, value: text)
                let answer = try await interceptor.idempotent(key: key) { _ in "\(scope.text)/\(text)" }
                #expect(answer == "\(scope.text)/\(text)")
            }
        }
        // All keys of a script share a slot: the tag is the bucket, whatever else has braces.
        guard case .array(let names) = try await client.ask("KEYS", "\(prefix):*") else { return }
        for name in names.compactMap(\.text) {
            let open = try #require(name.firstIndex(of: "{"))
            #expect(name[..<open] == "\(prefix):"[...])
            #expect(name[name.index(open, offsetBy: 3)] == "}")
        }
        #expect(try await client.ask("GET", "\(prefix)-canary").text == "alive")
        for text in ["a\r\nFLUSHALL", "a\0b", "\n", ""] {
            expect(await refusal { _ = try IdempotencyKey(operation: "op", value: text) }, .invalidKey, "")
        }
        store.close()
        await client.close()
    }

    @Test("A failure never names the password, as it promises")
    func password() async throws {
        let server = try OwnServer("--rename-command", "AUTH \"\"")
        let client = try HiredisClient("redis://:pass-word@127.0.0.1:\(server.port)")
        let error = await refusal { _ = try await RedisIdempotencyStore(client: client) }
        expect(error, .storeUnavailable, "the password")
        let failure = error?.cause as? RedisFailure
        #expect(failure?.message.contains("pass-word") == false)
    }
}
#endif
