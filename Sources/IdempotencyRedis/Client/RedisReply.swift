/// What Redis replied to a command.
@available(Idempotency 0.1, *)
public enum RedisReply: Equatable, Sendable {
    /// There is nothing: a null, a null bulk string or a null array.
    case null
    /// An integer.
    case integer(Int64)
    /// A string, simple or bulk.
    case bytes([UInt8])
    /// An array, or what comes as one: a set, a push, or the keys and values of a map in turn.
    case array([RedisReply])
    /// The command was refused. The text begins with a code: `NOSCRIPT …`, `READONLY …`.
    case error(String)

    /// A string's bytes as text.
    var text: String? {
        if case .bytes(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
}
