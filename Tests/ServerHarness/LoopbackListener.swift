import Foundation

/// A socket that takes connections on a free port of 127.0.0.1. Whoever has made it closes it.
@available(Idempotency 0.1, *)
struct LoopbackListener: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && listen(descriptor, 128) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        precondition(isBound, "no port is free")
        port = UInt16(bigEndian: address.sin_port)
    }

    /// The next connection; `nil`: it is closed.
    func next() -> Int32? {
        let client = accept(descriptor, nil, nil)
        return client < 0 ? nil : client
    }

    /// Ends it, and whoever waits for the next connection.
    func end() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }
}
