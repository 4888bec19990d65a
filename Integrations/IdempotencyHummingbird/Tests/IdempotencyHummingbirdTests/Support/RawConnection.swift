import NIOCore
import NIOPosix

/// A connection on which a test sends what bytes it likes, when it likes.
struct RawConnection: Sendable {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Connects, and closes the connection once the closure has ended.
    static func open<Result: Sendable>(
        _ port: Int,
        _ body: @escaping @Sendable (inout Session) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var session = Session(iterator: inbound.makeAsyncIterator(), writer: outbound)
            return try await body(&session)
        }
    }

    struct Session {
        var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        let writer: NIOAsyncChannelOutboundWriter<ByteBuffer>
        private(set) var received = ""

        init(
            iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
            writer: NIOAsyncChannelOutboundWriter<ByteBuffer>
        ) {
            self.iterator = iterator
            self.writer = writer
        }

        func send(_ text: String) async throws {
            try await writer.write(ByteBuffer(string: text))
        }

        /// Reads on until what came so far holds a text, or the other side has closed the connection.
        mutating func receive(until isEnough: (String) -> Bool = { _ in false }) async throws -> String {
            while !isEnough(received), let buffer = try await iterator.next(isolation: #isolation) {
                received += String(buffer: buffer)
            }
            return received
        }
    }

    /// A request as bytes.
    static func request(
        _ path: String = "/payments",
        key: String? = "k",
        fields: [String] = [],
        body: String = "{}",
        length: Int? = nil
    ) -> String {
        let keyField = key.map { ["Idempotency-Key: \"\($0)\""] } ?? []
        let lines =
            [
                "POST \(path) HTTP/1.1", "Host: localhost", "Authorization: alice",
                "Content-Length: \(length ?? body.utf8.count)",
            ]
            + keyField + fields
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }
}
