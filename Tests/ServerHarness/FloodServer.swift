import Foundation
import Idempotency

/// A server that answers a connection with some bytes, and then sends many others, as fast as they are taken.
@available(Idempotency 0.1, *)
public final class FloodServer: Sendable {
    /// Where it listens, on 127.0.0.1.
    public let port: UInt16
    private let listener: Int32
    private let sent = OneShot<Int>()
    private let blocks: Int

    /// - Parameters:
    ///   - head: What it sends first, once something was asked.
    ///   - part: What it sends again and again.
    ///   - megabytes: How much that is in all: more than anybody reads in the time that he has.
    public init(_ head: [UInt8], then part: [UInt8], megabytes: Int) {
        let blocks = megabytes * 10
        self.blocks = blocks
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
        let block = Array(repeatElement(part, count: 100_000 / part.count).joined())
        let sent = sent
        Thread {
            let client = accept(listener, nil, nil)
            var buffer = [UInt8](repeating: 0, count: 65_536)
            _ = recv(client, &buffer, buffer.count, 0)
            _ = send(client, head, head.count, Int32(MSG_NOSIGNAL))
            let taken = (0..<blocks).prefix { _ in
                send(client, block, block.count, Int32(MSG_NOSIGNAL)) > 0
            }
            close(client)
            sent.fire(taken.count)
        }.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Whether the other side has cut it off before all was sent. Waits until one or the other has happened; to be asked once.
    public func wasCutOff() async -> Bool { await sent.value() < blocks }
}
