#if Redis
@available(Idempotency 0.1, *)
extension RedisCommand {
    /// Writes the command as it is sent: an array of bulk strings (RESP, redis.io/docs/latest/develop/reference/protocol-spec).
    /// Each argument goes with its length, so that nothing in it can be taken for anything else.
    func encode(into message: inout [UInt8]) {
        message.reserveCapacity(message.count + bytes.count + 8 * ends.count + 16)
        Self.writeLine("*", ends.count, to: &message)
        var start = 0
        for end in ends {
            Self.writeLine("$", end - start, to: &message)
            message += bytes[start..<end]
            Self.endLine(&message)
            start = end
        }
    }

    private static func writeLine(_ kind: Unicode.Scalar, _ number: Int, to message: inout [UInt8]) {
        message.append(UInt8(ascii: kind))
        // Most are short.
        if number < 10 {
            message.append(UInt8(ascii: "0") + UInt8(number))
        } else {
            message += String(number).utf8
        }
        endLine(&message)
    }

    private static func endLine(_ message: inout [UInt8]) {
        message.append(UInt8(ascii: "\r"))
        message.append(UInt8(ascii: "\n"))
    }
}
#endif
