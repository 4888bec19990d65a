import Idempotency

/// A request to charge a user once.
@available(Idempotency 0.1, *)
struct ChargeRequest: Sendable {
    /// Names the purchase. The client makes it up once, and sends it with every retry.
    let key: IdempotencyKey
    /// In cents.
    let amount: Int

    /// What is asked for under the key. The library refuses the same key with another fingerprint.
    var fingerprint: Fingerprint { Fingerprint(fields: ["amount": String(amount)]) }

    /// Where a user's keys count. The user is part of it, so that two users may send the same key and neither is
    /// answered with the other's receipt.
    static func scope(of user: String) throws(IdempotencyError) -> IdempotencyScope {
        try IdempotencyScope("charge", principal: user)
    }
}
