public import Idempotency

/// What a call throws.
@available(Idempotency 0.1, *)
public func refusal(_ body: () async throws -> Void) async -> IdempotencyError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? IdempotencyError
    }
}
