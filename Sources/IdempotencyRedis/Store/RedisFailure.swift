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
        let said = Self.unwrapped(reply)
        let word = said.prefix { $0 != " " }
        // A right that is lacking inside the script: in the words of Redis up to 7.0, and of later ones.
        let isACL = reply.contains("The user executing the script can't") || reply.contains("ACL failure in script")
        code =
            isACL
            ? "NOPERM" : word.allSatisfy { $0.isUppercase || $0 == "_" } ? String(word) : ""
        message = reply
        mayHaveRun = false
        isSafe = false
    }

    /// What a command inside the script was answered with, which Redis before 7.0 has behind words of its own: `ERR Error running
    /// script (call to f_…): @user_script:24: @user_script: 24: -OOM command not allowed …`.
    private static func unwrapped(_ reply: String) -> Substring {
        guard reply.hasPrefix("ERR Error running script"), let end = reply.ranges(of: ": -").last?.upperBound else {
            return reply[...]
        }
        return reply[end...]
    }

    /// Whether the server refuses writes because it is no primary any more.
    static func isReadOnly(_ reply: RedisReply) -> Bool {
        if case .error(let text) = reply { RedisFailure(reply: text).code == "READONLY" } else { false }
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
