/// Names one claim of one key: 128 random bits, fresh for each claim.
///
/// After a reply was lost, it is by the claimant that an engine knows its own write again.
@available(Idempotency 0.1, *)
public struct Claimant: Hashable, Sendable {
    /// The first 64 bits.
    public let high: UInt64
    /// The last 64 bits.
    public let low: UInt64

    /// Takes a claimant as it was stored.
    ///
    /// - Parameters:
    ///   - high: The first 64 bits.
    ///   - low: The last 64 bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
