import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// What a client received.
struct Received: Equatable, Sendable {
    let status: Int
    let fields: [String: [String]]
    let body: String

    var isReplay: Bool { fields["idempotent-replayed"] == ["true"] }
    var problem: String? {
        guard fields["content-type"] == ["application/problem+json"] else { return nil }
        return body.firstMatch(of: /urn:problem-type:idempotency:([a-z-]+)"/).map { String($0.1) }
    }
}

/// Sends a request by AsyncHTTPClient.
func send(
    _ port: Int,
    _ path: String = "/payments",
    key: String?,
    body: String = "{}",
    user: String? = "alice",
    method: HTTPMethod = .POST,
    fields: [(String, String)] = []
) async throws -> Received {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.method = method
    if let user { request.headers.add(name: "Authorization", value: user) }
    if let key { request.headers.add(name: "Idempotency-Key", value: "\"\(key)\"") }
    for (name, value) in fields { request.headers.add(name: name, value: value) }
    if method != .GET { request.body = .bytes(ByteBuffer(string: body)) }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    var values: [String: [String]] = [:]
    for (name, value) in response.headers { values[name.lowercased(), default: []].append(value) }
    return Received(
        status: Int(response.status.code),
        fields: values,
        body: String(buffer: try await response.body.collect(upTo: 1 << 21))
    )
}
