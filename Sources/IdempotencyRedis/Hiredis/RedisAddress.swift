#if Redis
internal import Idempotency

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Where a server is: `redis://user:password@host:port/database`, or `rediss://` for TLS
/// (iana.org/assignments/uri-schemes/prov/redis).
@available(Idempotency 0.1, *)
struct RedisAddress: Sendable {
    let host: String
    let port: Int32
    let user: String?
    let password: String?
    let database: Int
    let usesTLS: Bool

    /// - Throws: ``/Idempotency/IdempotencyError`` that does not repeat the address: it may hold a password.
    init(_ text: String) throws(IdempotencyError) {
        guard
            let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "redis" || scheme == "rediss", let host = parts.host, !host.isEmpty,
            let port = Int32(exactly: parts.port ?? 6379), (1...65_535).contains(port),
            parts.query == nil, parts.fragment == nil
        else { throw Self.malformed }
        let path = parts.path.drop { $0 == "/" }
        guard path.isEmpty || path.utf8.allSatisfy({ (48...57).contains($0) }),
            let database = Int(path.isEmpty ? "0" : path)
        else { throw Self.malformed }
        usesTLS = scheme == "rediss"
        // An IPv6 address comes in brackets.
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        self.port = port
        user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
        password = parts.password
        self.database = database
        if user != nil, password == nil { throw Self.malformed }
    }

    private static var malformed: IdempotencyError {
        RedisErrors.unusable(
            "The address of the Redis server is none. Write it as 'redis://user:password@host:port/database', where user, password, "
                + "port and database may be left out, and percent-encode what is special in them."
        )
    }

    /// What is sent first.
    var greeting: [RedisCommand] {
        var commands: [RedisCommand] = []
        if let password {
            commands.append(user.map { RedisCommand("AUTH", $0, password) } ?? RedisCommand("AUTH", password))
        }
        if database != 0 { commands.append(RedisCommand("SELECT", String(database))) }
        return commands
    }
}
#endif
