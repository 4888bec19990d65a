import Foundation
import Synchronization

/// Passes bytes on between clients and a server of this machine, and cuts one connection at a request that has some text.
@available(Idempotency 0.1, *)
public final class CuttingProxy: Sendable {
    private enum Order { case none, beforeRequest, afterRequest }

    /// Where clients connect to, on 127.0.0.1.
    public var port: UInt16 { listener.port }
    private let listener = LoopbackListener()
    private let serverPort: UInt16
    private let order = Mutex((order: Order.none, text: ""))
    private let cutCount = Atomic(0)
    private let rewriting = Mutex<(from: [UInt8], to: [UInt8])?>(nil)

    /// - Parameter serverPort: The server's, on 127.0.0.1.
    public init(to serverPort: UInt16) {
        self.serverPort = serverPort
        Thread { [weak self, listener] in
            while let client = listener.next(), let self {
                self.serve(client)
            }
        }.start()
    }

    deinit { listener.end() }

    /// How many connections were cut.
    public var cuts: Int { cutCount.load(ordering: .sequentiallyConsistent) }

    /// Cuts the connection whose request has this text next.
    ///
    /// - Parameter afterRequest: Whether the server gets the request, so that only its answer is lost.
    public func cut(afterRequest: Bool, at text: String) {
        order.withLock { $0 = (afterRequest ? .afterRequest : .beforeRequest, text) }
    }

    /// Passes on something else where a request has this text; as long as it is.
    public func rewrite(_ text: String, as other: String) {
        precondition(other.utf8.count <= text.utf8.count)
        let padding = [UInt8](repeating: 0x20, count: text.utf8.count - other.utf8.count)
        rewriting.withLock { $0 = (Array(text.utf8), Array(other.utf8) + padding) }
    }

    private func rewritten(_ bytes: [UInt8]) -> [UInt8] {
        guard let (from, to) = rewriting.withLock({ $0 }), bytes.count >= from.count else { return bytes }
        var bytes = bytes
        for start in 0...(bytes.count - from.count) where bytes[start..<(start + from.count)].elementsEqual(from) {
            bytes.replaceSubrange(start..<(start + from.count), with: to)
        }
        return bytes
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private func serve(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(serverPort)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            close(client)
            return
        }
        // Their threads end with the connection; the descriptors are left open, as neither knows when the other has ended.
        Thread { self.pass(from: server, to: client, isRequest: false) }.start()
        Thread { self.pass(from: client, to: server, isRequest: true) }.start()
    }

    private func pass(from source: Int32, to target: Int32, isRequest: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &buffer, buffer.count, 0)
            if count <= 0 { break }
            if isRequest {
                let request = String(decoding: buffer[..<count], as: UTF8.self)
                let order = order.withLock { order in
                    guard request.contains(order.text) else { return Order.none }
                    defer { order.order = .none }
                    return order.order
                }
                if order != .none {
                    cutCount.add(1, ordering: .sequentiallyConsistent)
                    // Nothing more reaches the client, and the server's answer nobody.
                    shutdown(source, Int32(SHUT_RDWR))
                    if order == .afterRequest { _ = send(target, buffer, count, Int32(MSG_NOSIGNAL)) }
                    break
                }
            }
            let passed = isRequest ? rewritten(Array(buffer[..<count])) : Array(buffer[..<count])
            if send(target, passed, count, Int32(MSG_NOSIGNAL)) != count { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_WR))
    }
}
