internal import Idempotency

/// A channel that tells of the records that somebody waits for: they bear a mark, and whoever changes one publishes its key.
@available(Idempotency 0.1, *)
struct RedisChangeSource: ChangeSource {
    private let client: any RedisSubscribingClient
    private let server: RedisServer
    private let channel: String

    /// - Returns: `nil` if the client cannot listen.
    init?(_ client: any RedisClient, _ server: RedisServer, _ layout: RedisLayout) {
        guard let client = client as? any RedisSubscribingClient else { return nil }
        self.client = client
        self.server = server
        channel = layout.channel
    }

    func subscribe(_ onChange: @escaping @Sendable (String?) -> Void) async throws -> any StoreSubscription {
        do {
            return try await client.subscribe(to: channel) { payload in
                onChange(payload.map { String(decoding: $0, as: UTF8.self) })
            }
        } catch {
            throw RedisErrors.error(for: error)
        }
    }

    func mark(_ keys: [IdempotencyKey]) async throws { _ = try await server.ask(.watch, keys) }
}
