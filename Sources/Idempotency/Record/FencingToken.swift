/// A number that grows with every claim of a key: hand it to a downstream system, which refuses one lower than it has seen.
///
/// It is the version of the claim's own write, so that it grows across expiry, deletion and restart of the store too.
/// (Source of the rule: Kleppmann, "How to do distributed locking", 2016.)
@available(Idempotency 0.1, *)
public struct FencingToken: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The number; greater than zero.
    public let rawValue: UInt64

    /// Takes a token as it was handed on.
    ///
    /// - Parameter rawValue: A number greater than zero.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The number in decimal.
    public var description: String { String(rawValue) }

    /// Whether the left token's claim is older than the right one's, of the same key.
    public static func < (left: FencingToken, right: FencingToken) -> Bool { left.rawValue < right.rawValue }
}
