import Foundation
import Idempotency

/// A server that answers a connection with some bytes, and then sends many others, as fast as they are taken.
@available(Idempotency 0.1, *)
public final class FloodServer: Sendable {
    /// Where it listens, on 127.0.0.1.
    public var port: UInt16 { listener.port }
    private let listener = LoopbackListener()
    private let sent = OneShot<Int>()
    private let blocks: Int

    /// - Parameters:
    ///   - head: What it sends first, once something was asked.
    ///   - part: What it sends again and again.
    ///   - megabytes: How much that is in all: more than anybody reads in the time that he has.
    public init(_ head: [UInt8], then part: [UInt8], megabytes: Int) {
        let blocks = megabytes * 10
        self.blocks = blocks
        let block = Array(repeatElement(part, count: 100_000 / part.count).joined())
        let sent = sent
        Thread { [listener] in
            guard let client = listener.next() else { return }
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

    deinit { listener.end() }

    /// Whether the other side has cut it off before all was sent. Waits until one or the other has happened; to be asked once.
    public func wasCutOff() async -> Bool { await sent.value() < blocks }
}
