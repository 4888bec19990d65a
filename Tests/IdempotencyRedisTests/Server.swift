#if Redis
import Foundation
import Idempotency
import IdempotencyRedis
import Testing

/// The server that the test script has started.
enum Server {
    struct Missing: Error, CustomStringConvertible {
        let description =
            "IDEMPOTENCY_REDIS is not set. Start a server: eval \"$(Scripts/redis-server start)\"; export IDEMPOTENCY_REDIS"
    }

    static var address: String {
        get throws {
            guard let text = ProcessInfo.processInfo.environment["IDEMPOTENCY_REDIS"] else { throw Missing() }
            return text
        }
    }

    /// A client of one's own.
    static func client() throws -> HiredisClient { try HiredisClient(address) }

    /// A prefix that no other test has.
    static func freshPrefix() -> String { "t\(UInt64.random(in: 0 ... .max))" }

    /// A store with a prefix, and a client, of its own.
    static func store(
        _ client: (any RedisClient)? = nil,
        prefix: String = freshPrefix()
    ) async throws -> RedisIdempotencyStore {
        var options = RedisStoreOptions()
        options.prefix = prefix
        return try await RedisIdempotencyStore(client: try client ?? Server.client(), options: options)
    }
}

/// A server of a test's own, which may be treated badly.
final class OwnServer: Sendable {
    let address: String
    private let folder: String

    /// - Parameter settings: As on the server's command line.
    init(_ settings: String...) throws {
        let lines = try Self.script(["start"] + settings).split(separator: "\n")
        func value(_ name: String) -> String? {
            let line = lines.first { $0.hasPrefix(name + "=") }
            return line.map { String($0.dropFirst(name.count + 2).dropLast()) }
        }
        folder = try #require(value("redis_folder"))
        address = try #require(value("IDEMPOTENCY_REDIS"))
    }

    deinit { _ = try? Self.script(["stop", folder]) }

    var port: String { String(address.split(separator: ":").last ?? "") }

    /// `crash`, `resume`, `pause` or `continue`.
    func control(_ command: String) throws { _ = try Self.script([command, folder]) }

    private static func script(_ arguments: [String]) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appendingPathComponent("Scripts/redis-server")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "Scripts/redis-server \(arguments[0]) failed")
        return String(decoding: data, as: UTF8.self)
    }
}

extension RedisClient {
    /// Sends one command.
    func ask(_ words: String...) async throws -> RedisReply {
        try await send([RedisCommand(words[0], words.dropFirst().map { Array($0.utf8) })])[0]
    }
}

/// What a call throws.
func refusal(_ body: () async throws -> Void) async -> IdempotencyError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? IdempotencyError
    }
}
#endif
