#if Redis
import Foundation
import Idempotency
import IdempotencyRedis
import ServerHarness
import Synchronization
import TestSupport
import Testing

@Suite("The client on hiredis", .timeLimit(.minutes(10)))
struct HiredisClientTests {
    @Test("Each of many callers gets its own replies, whatever their number and size")
    func ownReplies() async throws {
        let client = try Server.client()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for round in 0..<100 {
                        let text = "\(task)-\(round)-" + String(repeating: "x", count: (task * 37 + round * 101) % 3000)
                        let count = 1 + (task + round) % 3
                        let commands = (0..<count).map { RedisCommand("ECHO", "\($0)-\(text)") }
                        let replies = try await client.send(commands)
                        try #require(replies.map(\.text) == (0..<count).map { "\($0)-\(text)" })
                    }
                }
            }
            try await group.waitForAll()
        }
        await client.close()
    }

    @Test("More than a connection takes at once is sent in parts, and comes back whole")
    func large() async throws {
        let client = try Server.client()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    let value = [UInt8](repeating: UInt8(task), count: 8_000_000)
                    let reply = try await client.send([RedisCommand("ECHO", [value])])[0]
                    guard case .bytes(let bytes) = reply else {
                        Issue.record("no string came back")
                        return
                    }
                    #expect(bytes == value)
                }
            }
            try await group.waitForAll()
        }
        await client.close()
    }

    @Test("Arguments of any bytes, and no argument, arrive as they are")
    func binary() async throws {
        let client = try Server.client()
        for value in [[], [0], Array("\r\n".utf8), Array(0...255), Array("*1\r\n$4\r\nPING\r\n".utf8)] as [[UInt8]] {
            #expect(try await client.send([RedisCommand("ECHO", [value])]) == [.bytes(value)])
        }
        #expect(try await client.send([]).isEmpty)
        await client.close()
    }

    @Test("Replies of every kind, and refusals in their place among them")
    func kinds() async throws {
        let client = try Server.client()
        let name = Server.freshPrefix()
        let replies = try await client.send([
            RedisCommand("RPUSH", name, "a", "b"), RedisCommand("GET", name), RedisCommand("LRANGE", name, "0", "-1"),
            RedisCommand("GET", "\(name)-absent"), RedisCommand("NO-SUCH-COMMAND"), RedisCommand("DEL", name),
        ])
        #expect(replies[0] == .integer(2))
        if case .error(let text) = replies[1] {
            #expect(text.hasPrefix("WRONGTYPE"))
        } else {
            Issue.record("\(replies[1])")
        }
        #expect(replies[2] == .array([.bytes([97]), .bytes([98])]))
        #expect(replies[3] == .null)
        if case .error = replies[4] {} else { Issue.record("\(replies[4])") }
        #expect(replies[5] == .integer(1))
        await client.close()
    }

    @Test("A command knows its arguments, as another driver needs them")
    func arguments() {
        let command = RedisCommand("SET", [Array("k".utf8), [], [0, 255]])
        #expect(command.arguments == [Array("SET".utf8), Array("k".utf8), [], [0, 255]])
        #expect(RedisCommand("PING").arguments == [Array("PING".utf8)])
    }

    @Test("What waits for a server that does not reply fails in time, and the next call connects again")
    func slowServer() async throws {
        let server = try OwnServer()
        var options = HiredisOptions()
        options.replyTimeout = .seconds(2)
        let client = try HiredisClient(server.address, options: options)
        _ = try await client.ask("PING")
        try server.control("pause")
        let failures = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask { do { _ = try await client.ask("PING") } catch { failures.add() } }
            }
        }
        #expect(failures.value == 100)
        try server.control("continue")
        #expect(try await becomes { (try? await client.ask("PING").text) == "PONG" })
        await client.close()
    }

    @Test("Closing answers whoever waits, and everybody who comes later")
    func closing() async throws {
        for round in 0..<50 {
            let client = try Server.client()
            let answered = Counter()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        _ = try? await client.ask("PING")
                        answered.add()
                    }
                }
                if round.isMultiple(of: 2) { await Task.yield() }
                group.addTask { await client.close() }
            }
            #expect(answered.value == 50)
            await #expect(throws: (any Error).self) { try await client.ask("PING") }
        }
    }

    @Test("More calls than may wait are refused, and the others are answered")
    func bounded() async throws {
        let server = try OwnServer()
        let client = try HiredisClient(server.address, options: .patient)
        _ = try await client.ask("PING")
        try server.control("pause")
        let (answered, refused) = (Counter(), Counter())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100_500 {
                group.addTask {
                    do {
                        _ = try await client.ask("PING")
                        answered.add()
                    } catch { refused.add() }
                }
            }
            await refused.wait(for: 500)
            try server.control("continue")
            try await group.waitForAll()
        }
        #expect(refused.value == 500)
        #expect(answered.value == 100_000)
        await client.close()
    }

    @Test("A client that nobody holds any more lets go of its connection")
    func forgotten() async throws {
        let name = Server.freshPrefix()
        let watcher = try Server.client()
        func connections() async throws -> Int {
            try await watcher.ask("CLIENT", "LIST").text?.components(separatedBy: "name=\(name) ").count ?? 0
        }
        do {
            let client = try Server.client()
            _ = try await client.ask("CLIENT", "SETNAME", name)
            #expect(try await connections() == 2)
        }
        #expect(try await becomes { try await connections() == 1 })
        await watcher.close()
    }

    @Test("No connection is inherited by a program that is started")
    func inherited() async throws {
        let client = try Server.client()
        let subscription = try await client.subscribe(to: Server.freshPrefix()) { _ in }
        _ = try await client.ask("PING")
        let port = try #require(UInt16(try Server.address.split(separator: ":").last ?? ""))
        var (connections, inherited) = (0, 0)
        // Another test may be about to connect, for a moment.
        for _ in 0..<100 {
            (connections, inherited) = (0, 0)
            for number in 3..<1024 as Range<Int32> {
                var address = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let isSocket = withUnsafeMutablePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(number, $0, &length) == 0 }
                }
                guard isSocket, UInt16(bigEndian: address.sin_port) == port else { continue }
                connections += 1
                if fcntl(number, F_GETFD) & FD_CLOEXEC == 0 { inherited += 1 }
            }
            if inherited == 0 { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(inherited == 0)
        #expect(connections >= 2)
        subscription.cancel()
        await client.close()
    }

    private static func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }

    @Test("Connections that are refused, at once or by a wrong password, leave nothing open")
    func noLeak() async throws {
        let server = try OwnServer("--requirepass", "secret")
        let before = try Self.descriptors()
        for _ in 0..<200 {
            for address in ["redis://127.0.0.1:1", "redis://:wrong@127.0.0.1:\(server.port)"] {
                let client = try HiredisClient(address)
                _ = try? await client.ask("PING")
                _ = try? await client.subscribe(to: "c") { _ in }
                await client.close()
            }
        }
        #expect(try await becomes { try Self.descriptors() - before < 200 })
    }
}
#endif
