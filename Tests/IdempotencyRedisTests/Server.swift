#if Redis
import Foundation
import Idempotency
import IdempotencyRedis
import ServerHarness
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
    static func client() throws -> HiredisClient { try HiredisClient(address, options: .patient) }

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

extension HiredisOptions {
    /// For tests that are not about limits in time: a slow machine meets none.
    static var patient: HiredisOptions {
        var options = HiredisOptions()
        options.connectTimeout = .seconds(60)
        options.replyTimeout = .seconds(60)
        return options
    }
}

/// A server of a test's own, which may be treated badly.
final class OwnServer: Sendable {
    let address: String
    private let folder: String

    private static let script = ServerScript("redis-server")

    /// - Parameter settings: As on the server's command line.
    convenience init(_ settings: String...) throws { try self.init(settings) }

    init(_ settings: [String]) throws {
        let values = try Self.script.run(["start"] + settings)
        folder = try #require(values["redis_folder"])
        address = try #require(values["IDEMPOTENCY_REDIS"])
    }

    deinit { _ = try? Self.script.run(["stop", folder]) }

    var port: String { String(address.split(separator: ":").last ?? "") }

    /// `crash`, `resume`, `pause` or `continue`.
    func control(_ command: String) throws { try Self.script.run([command, folder]) }
}

extension IdempotencyRecord {
    /// Of a run under `.refuse`: it never expires.
    static var claim: IdempotencyRecord {
        IdempotencyRecord(
            state: .pending(unknown: nil),
            attempt: 1,
            claimant: Claimant(high: 1, low: 1),
            token: 0,
            fingerprint: nil,
            lapsePolicy: .refuse,
            isKnownWithoutEffect: true,
            lease: 60_000_000_000,
            retention: .max,
            checkpoints: []
        )
    }
}

extension RedisReply {
    var text: String? { if case .bytes(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil } }
    var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
}

extension RedisClient {
    /// Sends one command.
    func ask(_ words: String...) async throws -> RedisReply {
        try await send([RedisCommand(words[0], words.dropFirst().map { Array($0.utf8) })])[0]
    }
}
#endif
