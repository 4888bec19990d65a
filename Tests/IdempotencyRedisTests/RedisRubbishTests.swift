#if Redis
import Foundation
import Idempotency
import IdempotencyRedis
import ServerHarness
import Synchronization
import TestSupport
import Testing

@Suite("A server that sends rubbish", .serialized, .timeLimit(.minutes(10)))
struct RedisRubbishTests {
    private func client(_ server: RubbishServer) throws -> HiredisClient {
        var options = HiredisOptions()
        options.replyTimeout = .milliseconds(300)
        return try HiredisClient("redis://127.0.0.1:\(server.port)", options: options)
    }

    @Test("Replies that are cut at every byte", arguments: [false, true])
    func cut(_ byteByByte: Bool) async throws {
        let bytes = Array(
            "+PONG\r\n:17\r\n$3\r\nabc\r\n$-1\r\n*3\r\n:1\r\n*1\r\n$2\r\nxy\r\n*-1\r\n-ERR a b\r\n$0\r\n\r\n*0\r\n+\r\n-\r\n"
                .utf8
        )
        let pings = (0..<11).map { _ in RedisCommand("PING") }
        for end in 0...bytes.count {
            let server = RubbishServer(Array(bytes[..<end]), byteByByte: byteByByte)
            let client = try client(server)
            do {
                let replies = try await client.send(pings)
                #expect(replies.count == 11)
            } catch {}
            await client.close()
        }
    }

    @Test(
        "What is no reply",
        arguments: [
            "*4294967297\r\n:1\r\n:2\r\n:3\r\n", "*2147483648\r\n", "$9223372036854775807\r\nabc",
            "$-2\r\n", "*-2\r\n", "*-2147483649\r\n", "%1\r\n+a\r\n+b\r\n", "_\r\n", ",1.5\r\n", "\0\0\0",
            "HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n\r\n",
            ":99999999999999999999999\r\n", ":\r\n", ":x\r\n", "$\r\n", "*\r\n", "+\r\n+\r\n+\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
            "$3\r\nabcdefgh\r\n", "-\r\n", "+OK\n", "*1\r\n$-1\r\n", "+\u{ff}\r\n", "$18446744073709551615\r\nx",
            "$18446744073709551614\r\nx",
            "*9223372036854775807\r\n:1\r\n",
        ],
        [false, true]
    )
    func rubbish(_ text: String, _ atOnce: Bool) async throws {
        for cuts in [true, false] {
            let server = RubbishServer(Array(text.utf8), atOnce: atOnce, cuts: cuts)
            let client = try client(server)
            let answered = Counter()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        _ = try? await client.send([RedisCommand("PING"), RedisCommand("PING")])
                        answered.add()
                    }
                }
                group.addTask { _ = await refusal { _ = try await RedisIdempotencyStore(client: client) } }
                group.addTask { (try? await client.subscribe(to: "c") { _ in })?.cancel() }
            }
            #expect(answered.value == 20)
            await client.close()
        }
    }

    @Test("What was not sent, as the connection was cut before, says that nothing was changed")
    func cutBeforeSending() async throws {
        let server = RubbishServer([])
        let client = try HiredisClient("redis://:secret@127.0.0.1:\(server.port)")
        // While it connects, and while it pauses after that.
        for _ in 0..<2 {
            let error = await refusal { _ = try await RedisIdempotencyStore(client: client) }
            #expect(
                error?.message.contains("Nothing was changed") == true,
                "\(error.map { "\($0)" } ?? "nothing was thrown")"
            )
        }
        await client.close()
    }

    @Test("A server that takes connections and cuts them is not connected to all the time")
    func noBackoff() async throws {
        let server = RubbishServer([], atOnce: true)
        let client = try client(server)
        let end = ContinuousClock.now + .seconds(2)
        while ContinuousClock.now < end {
            _ = try? await client.send([RedisCommand("PING")])
        }
        #expect(server.connections.value < 100)
        await client.close()
    }

    @Test("A server that sends without an end while it is greeted is given up")
    func flood() async throws {
        // A string of 2 GB, all of it to come.
        let server = FloodServer(Array("$2000000000\r\n".utf8), then: [65], megabytes: 2000)
        var options = HiredisOptions()
        options.connectTimeout = .milliseconds(300)
        options.replyTimeout = .milliseconds(300)
        let client = try HiredisClient("redis://:secret@127.0.0.1:\(server.port)", options: options)
        let error = await refusal { _ = try await RedisIdempotencyStore(client: client) }
        #expect(error?.code == .storeUnavailable)
        #expect(await server.wasCutOff())
        await client.close()
    }

    /// A client whose replies are none of the server's.
    private final class LyingClient: RedisClient {
        let replies: @Sendable (RedisCommand) -> RedisReply
        let count: @Sendable (Int) -> Int
        init(
            _ replies: @escaping @Sendable (RedisCommand) -> RedisReply,
            count: @escaping @Sendable (Int) -> Int = { $0 }
        ) {
            self.replies = replies
            self.count = count
        }
        nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws -> [RedisReply] {
            let all = commands.map(replies)
            let wanted = count(all.count)
            return wanted <= all.count
                ? Array(all.prefix(wanted)) : all + Array(repeating: .null, count: wanted - all.count)
        }
    }

    @Test("Replies of every shape to each of the store's commands")
    func shapes() async throws {
        let info =
            "redis_version:7.0.15\r\nrole:master\r\nloading:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"
        var shapes: [RedisReply] = [
            .null, .integer(0), .integer(-1), .integer(.max), .integer(.min), .bytes([]), .bytes([0]), .array([]),
            .array([.null]),
            .array([.null, .null]), .array([.bytes([48]), .null]),
            .array([.bytes([48]), .array([.null, .integer(1), .bytes([255])])]),
            .array([.bytes(Array("99999999999999999999".utf8)), .array([])]), .error(""), .error(" "),
            .error("NOSCRIPT"), .error("x y"),
            .array([.array([.array([])])]), .bytes([UInt8](repeating: 255, count: 300)),
            .bytes([UInt8](repeating: 0, count: 300)),
        ]
        for size in 1..<80 { shapes.append(.bytes((0..<size).map { _ in UInt8.random(in: 0...255) })) }
        for round in 0..<2000 {
            let isFirst = Mutex2(true)
            let client = LyingClient { [shapes] command in
                let name = String(decoding: command.arguments[0], as: UTF8.self)
                if isFirst.value {
                    if name == "INFO" { return .bytes(Array(info.utf8)) }
                    if name == "SCRIPT" {
                        isFirst.value = false
                        return .bytes(Array("abc".utf8))
                    }
                }
                return shapes.randomElement()!
            }
            var options = RedisStoreOptions()
            if round.isMultiple(of: 2) { options.replicas = .init(1) }
            guard let store = try? await RedisIdempotencyStore(client: client, options: options) else { continue }
            let key = try StoreLoad.key("k")
            _ = try? await store.load(key)
            _ = try? await store.checkAndSet(key, expecting: nil, .write(.claim))
            _ = try? await store.checkAndSet(key, expecting: RecordVersion(rawValue: .max), .remove)
            _ = try? await store.list(RecordQuery(), after: nil, limit: 1)
            _ = try? await store.check()
            store.close()
        }
    }
}

private final class Mutex2: Sendable {
    private let lock: Mutex<Bool>
    init(_ value: Bool) { lock = Mutex(value) }
    var value: Bool {
        get { lock.withLock { $0 } }
        set { lock.withLock { $0 = newValue } }
    }
}
#endif
