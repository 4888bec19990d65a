/// The version of a stored record: every write of a key gives it a greater one, also across expiry, deletion, restart
/// and restore of the store.
@available(Idempotency 0.1, *)
public struct RecordVersion: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number; greater than zero.
    public let rawValue: UInt64

    /// Takes a version as a store counts it.
    ///
    /// - Parameter rawValue: A number greater than zero.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The number in decimal.
    public var description: String { String(rawValue) }

    /// Whether the left version was written before the right one, of the same key.
    public static func < (left: RecordVersion, right: RecordVersion) -> Bool { left.rawValue < right.rawValue }
}
