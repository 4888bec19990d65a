import Idempotency

/// The store that somebody wrote.
enum MyStore {
    static func connect() async throws -> any IdempotencyStore { fatalError() }
}
