import Foundation
public import TestSupport

/// A server that sends these bytes to each connection, once something was asked or at once, and then cuts it or falls silent.
@available(Idempotency 0.1, *)
public final class RubbishServer: Sendable {
    /// Where it listens, on 127.0.0.1.
    public var port: UInt16 { listener.port }
    /// The connections that it has taken.
    public let connections = Counter()
    private let listener = LoopbackListener()

    /// - Parameters:
    ///   - bytes: What it sends.
    ///   - atOnce: Whether it sends without being asked.
    ///   - byteByByte: Whether each byte comes by itself.
    ///   - cuts: Whether it cuts the connection then.
    public init(_ bytes: [UInt8], atOnce: Bool = false, byteByByte: Bool = false, cuts: Bool = true) {
        let connections = connections
        Thread { [listener] in
            while let client = listener.next() {
                connections.add()
                Thread {
                    var buffer = [UInt8](repeating: 0, count: 65_536)
                    if !atOnce { _ = recv(client, &buffer, buffer.count, 0) }
                    if byteByByte {
                        for byte in bytes {
                            _ = send(client, [byte], 1, Int32(MSG_NOSIGNAL))
                            usleep(100)
                        }
                    } else {
                        _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                    }
                    if !cuts { while recv(client, &buffer, buffer.count, 0) > 0 {} }
                    shutdown(client, Int32(SHUT_RDWR))
                    close(client)
                }.start()
            }
        }.start()
    }

    deinit { listener.end() }
}
