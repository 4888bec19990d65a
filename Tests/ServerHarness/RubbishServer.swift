import Foundation

/// A server that sends these bytes to each connection, once something was asked or at once, and then cuts it or falls silent.
@available(Idempotency 0.1, *)
public final class RubbishServer: Sendable {
    /// Where it listens, on 127.0.0.1.
    public let port: UInt16
    /// The connections that it has taken.
    public let connections = Counter()
    private let listener: Int32

    /// - Parameters:
    ///   - bytes: What it sends.
    ///   - atOnce: Whether it sends without being asked.
    ///   - byteByByte: Whether each byte comes by itself.
    ///   - cuts: Whether it cuts the connection then.
    public init(_ bytes: [UInt8], atOnce: Bool = false, byteByByte: Bool = false, cuts: Bool = true) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                precondition(bind(listener, pointer, length) == 0 && listen(listener, 128) == 0)
                precondition(getsockname(listener, pointer, &length) == 0)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        let connections = connections
        Thread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
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

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}
