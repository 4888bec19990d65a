import FlyingFox
import FlyingSocks
import Foundation

@testable import FlyingFoxAdapter

/// A server of FlyingFox's on a free port, and what a client does to it through sockets of its own.
struct Server {
    struct Received {
        let status: Int
        let head: String
        let body: String

        var isReplay: Bool { head.contains("\r\nIdempotent-Replayed: true\r\n") }
    }

    struct NoResponse: Error {}

    private let server: HTTPServer
    private let running: Task<Void, any Error>
    private let port: UInt16

    init(_ handler: some HTTPHandler) async throws {
        let server = HTTPServer(address: try sockaddr_in.inet(ip4: "127.0.0.1", port: 0), logger: .disabled)
        await server.appendRoute("POST /payments", to: handler)
        self.server = server
        running = Task { try await server.run() }
        try await server.waitUntilListening()
        guard case .ip4(_, let port) = await server.listeningAddress else { throw NoResponse() }
        self.port = port
    }

    /// Cancels the requests that are being answered, and returns when all have ended.
    func stop() async {
        await server.stop()
        _ = await running.result
    }

    /// The head of a request, up to the empty line, of Alice's.
    static func head(fields: String) -> String {
        "POST /payments HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer alice\r\n\(fields)\r\n"
    }

    /// Sends a text, and waits for nothing.
    func open(_ text: String) async throws -> AsyncSocket {
        let socket = try await AsyncSocket.connected(to: try sockaddr_in.inet(ip4: "127.0.0.1", port: port))
        try await socket.write(Data(text.utf8))
        return socket
    }

    /// Sends a text, and returns all that comes back; if asked to, the server is told that nothing more will be sent.
    func exchange(_ text: String, thenShutsDown: Bool = false) async throws -> String {
        let socket = try await open(text)
        defer { try? socket.close() }
        if thenShutsDown { shutdown(socket.socket.file.rawValue, Int32(SHUT_WR)) }
        var bytes: [UInt8] = []
        do {
            while true { bytes += try await socket.read(atMost: 4096) }
        } catch SocketError.disconnected {}
        return String(decoding: bytes, as: UTF8.self)
    }

    func response(key: String?, body: String) async throws -> Received {
        let keyField = key.map { "Idempotency-Key: \"\($0)\"\r\n" } ?? ""
        let fields = "\(keyField)Content-Length: \(body.utf8.count)\r\nConnection: close\r\n"
        let text = try await exchange(Self.head(fields: fields) + body)
        guard let end = text.range(of: "\r\n\r\n"), let status = Int(text.split(separator: " ")[1].prefix(3)) else {
            throw NoResponse()
        }
        return Received(
            status: status,
            head: String(text[..<end.lowerBound]) + "\r\n",
            body: String(text[end.upperBound...])
        )
    }
}
