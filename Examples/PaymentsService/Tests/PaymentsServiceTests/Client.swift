import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// A client of the service.
struct Client: Sendable {
    struct Answer: Sendable {
        let status: Int
        let isReplayed: Bool
        let location: String?
        let body: [UInt8]
    }

    /// What the page reads.
    struct State: Decodable {
        struct Charge: Decodable {
            let number: Int
            let order: String
            let amount: Int
        }

        struct Half: Decodable {
            let count: Int
            let total: Int
            let charges: [Charge]
        }

        let without: Half
        let with: Half
    }

    struct Receipt: Decodable {
        let number: Int
        let order: String
        let amount: Int
    }

    private let http: HTTPClient

    /// Calls the body with a client, and shuts it down.
    static func use<Value>(_ body: (Client) async throws -> Value) async throws -> Value {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        // A request that is sent again by the pool would not be counted.
        configuration.connectionPool.retryConnectionEstablishment = false
        let http = HTTPClient(configuration: configuration)
        let result: Result<Value, any Error>
        do { result = .success(try await body(Client(http: http))) } catch { result = .failure(error) }
        try await http.shutdown()
        return try result.get()
    }

    func pay(
        _ address: String,
        path: String = "/payments",
        key: String? = nil,
        user: String? = "alice",
        body: String
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: address + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        if let user { request.headers.add(name: "X-User", value: user) }
        request.body = .bytes(ByteBuffer(string: body))
        return try await answer(to: request)
    }

    func get(_ url: String, user: String? = nil) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        if let user { request.headers.add(name: "X-User", value: user) }
        return try await answer(to: request)
    }

    func state(_ address: String) async throws -> State {
        let answer = try await get(address + "/state?limit=10000")
        return try JSONDecoder().decode(State.self, from: Data(answer.body))
    }

    private func answer(to request: HTTPClientRequest) async throws -> Answer {
        let response = try await http.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 22)
        return Answer(
            status: Int(response.status.code),
            isReplayed: response.headers.contains(name: "Idempotent-Replayed"),
            location: response.headers.first(name: "Location"),
            body: Array(body.readableBytesView)
        )
    }
}
