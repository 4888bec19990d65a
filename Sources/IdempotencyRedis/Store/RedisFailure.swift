/// What Redis, or the way to it, said went wrong.
///
/// The text is the server's or the driver's own: it may name hosts, users and keys, but never a password.
@available(Idempotency 0.1, *)
public struct RedisFailure: Error, Hashable, Sendable {
    /// The code that the server's text begins with, such as `READONLY`; empty if the server said nothing.
    public let code: String
    /// The text.
    public let message: String
    /// Whether the server may have run what was sent.
    private(set) var mayHaveRun: Bool
    /// Whether the text is this library's own, or hiredis': it names no key.
    let isSafe: Bool

    /// - Parameter reply: An error that the server has replied. Nothing was changed: a script writes with its last command.
    init(reply: String) {
        let word = reply.prefix { $0 != " " }
        // A right that is lacking inside the script: in the words of Redis 7.0, and of later ones.
        let isACL =
            reply.hasPrefix("ERR The user executing the script can't") || reply.hasPrefix("ERR ACL failure in script")
        code =
            isACL
            ? "NOPERM" : word.allSatisfy { $0.isUppercase || $0 == "_" } ? String(word) : ""
        message = reply
        mayHaveRun = false
        isSafe = false
    }

    /// - Parameters:
    ///   - message: What happened to the connection.
    ///   - mayHaveRun: Whether the server may have run what was sent.
    init(_ message: String, mayHaveRun: Bool) {
        code = ""
        self.message = message
        self.mayHaveRun = mayHaveRun
        isSafe = true
    }

    /// The same, for a call that was not sent.
    var beforeSending: RedisFailure {
        var failure = self
        failure.mayHaveRun = false
        return failure
    }

    /// The same, where the server's text may repeat a password.
    ///
    /// - Parameter secret: What was sent, and refused.
    init(reply: String, to secret: String) {
        let failure = RedisFailure(reply: reply)
        code = failure.code
        message = "the server refused \(secret)"
        mayHaveRun = false
        isSafe = true
    }
}
