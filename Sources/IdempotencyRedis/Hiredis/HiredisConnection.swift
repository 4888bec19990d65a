#if Redis
internal import CRedis
internal import Idempotency

#if canImport(Darwin)
internal import Darwin
#elseif canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// A connection to a server. It never waits, but while it is being made and in ``exchange(_:by:)``.
@available(Idempotency 0.1, *)
final class HiredisConnection {
    private let context: UnsafeMutablePointer<redisContext>

    /// Connects, and says who asks.
    init(_ address: RedisAddress, _ options: HiredisOptions) throws(RedisFailure) {
        let deadline = CallDeadline(in: options.connectTimeout)
        let (seconds, attoseconds) = options.connectTimeout.components
        let timeout = timeval(tv_sec: Int(seconds), tv_usec: .init(attoseconds / 1_000_000_000_000))
        guard let context = redisConnectWithTimeout(address.host, address.port, timeout) else {
            throw RedisFailure("there is no memory for a connection", mayHaveRun: false)
        }
        self.context = context
        guard context.pointee.err == 0 else { throw RedisFailure("cannot connect: \(text)", mayHaveRun: false) }
        if address.usesTLS { try beginTLS(address, options, timeout) }
        guard idempotency_redis_stop_blocking(context) == REDIS_OK else {
            throw RedisFailure("the connection cannot be used without waiting", mayHaveRun: false)
        }
        // A server whose machine is gone says nothing.
        redisEnableKeepAlive(context)
        let greeting = address.greeting
        if greeting.isEmpty { return }
        for reply in try exchange(greeting, by: deadline) {
            if case .error(let text) = reply {
                throw RedisFailure(reply: text, to: "the user, the password or the database")
            }
        }
    }

    deinit { redisFree(context) }

    private func beginTLS(_ address: RedisAddress, _ options: HiredisOptions, _ timeout: timeval) throws(RedisFailure) {
        // Each step of the handshake ends in time.
        redisSetTimeout(context, timeout)
        let own = options.clientCertificate
        let problem = idempotency_redis_begin_tls(
            context,
            address.host,
            options.trustedCertificates,
            own?.certificates,
            own?.key
        )
        guard let problem else { return }
        let detail = context.pointee.err == 0 ? "" : " (\(text))"
        throw RedisFailure("no TLS: \(String(cString: problem))\(detail)", mayHaveRun: false)
    }

    var socket: Int32 { context.pointee.fd }

    private var text: String {
        withUnsafeBytes(of: context.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// Adds what is to be sent.
    func append(_ message: [UInt8]) throws(RedisFailure) {
        let status = message.withUnsafeBytes { bytes in
            redisAppendFormattedCommand(context, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        if status != REDIS_OK { throw failure() }
    }

    /// Sends what can be sent at once.
    ///
    /// - Returns: Whether that was all.
    func write() throws(RedisFailure) -> Bool {
        var isDone: Int32 = 0
        if idempotency_redis_write(context, &isDone) != REDIS_OK { throw failure() }
        return isDone != 0
    }

    /// Reads what has come.
    func read() throws(RedisFailure) {
        if redisBufferRead(context) != REDIS_OK { throw failure() }
    }

    /// The next reply of those that have come; `nil`: none is complete.
    func nextReply() throws(RedisFailure) -> RedisReply? {
        var raw: UnsafeMutableRawPointer?
        if redisGetReplyFromReader(context, &raw) != REDIS_OK { throw failure() }
        guard let raw else { return nil }
        defer { freeReplyObject(raw) }
        return RedisReply(raw.assumingMemoryBound(to: redisReply.self))
    }

    /// Nothing comes or goes any more; who waits for the connection learns of it.
    func shutDown() { shutdown(socket, Int32(SHUT_RDWR)) }

    private func failure() -> RedisFailure { RedisFailure("the connection is lost: \(text)", mayHaveRun: true) }

    /// Sends commands and waits for their replies: only where nobody else uses the connection.
    func exchange(_ commands: [RedisCommand], by deadline: CallDeadline) throws(RedisFailure) -> [RedisReply] {
        var message: [UInt8] = []
        for command in commands { command.encode(into: &message) }
        try append(message)
        var replies: [RedisReply] = []
        while true {
            let isSent = try write()
            while let reply = try nextReply() { replies.append(reply) }
            if replies.count >= commands.count { return replies }
            // Also where something comes all the time, but never its end.
            if deadline.isOver { throw RedisFailure("the server did not reply in time", mayHaveRun: true) }
            var descriptor = pollfd(fd: socket, events: Int16(isSent ? POLLIN : POLLIN | POLLOUT), revents: 0)
            _ = poll(&descriptor, 1, deadline.millisecondsLeft)
            if descriptor.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { try read() }
        }
    }
}

@available(Idempotency 0.1, *)
extension RedisReply {
    fileprivate init(_ reply: UnsafeMutablePointer<redisReply>) {
        let reply = reply.pointee
        func bytes() -> [UInt8] { Array(UnsafeRawBufferPointer(start: reply.str, count: Int(reply.len))) }
        switch reply.type {
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: self = .bytes(bytes())
        case REDIS_REPLY_ERROR: self = .error(String(decoding: bytes(), as: UTF8.self))
        case REDIS_REPLY_NIL: self = .null
        default:
            // Arrays; what later versions of the protocol have beside them is not asked for.
            let elements = UnsafeBufferPointer(start: reply.element, count: Int(reply.elements))
            self = .array(elements.map { $0.map { RedisReply($0) } ?? .null })
        }
    }
}
#endif
