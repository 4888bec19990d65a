/// A record as an operator sees it.
@available(Idempotency 0.1, *)
public struct ListedRecord: Sendable {
    /// The key. Its description does not show the value.
    public let key: IdempotencyKey
    /// The record, its version, and what remains of its lease or retention.
    public let stored: StoredRecord
    /// How long ago it was written, by the store's clock.
    public let age: Duration

    /// Where the key stands.
    public var state: RecordState { stored.state }

    /// Makes the answer.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - stored: The record, its version, and what remains.
    ///   - age: How long ago it was written, by the store's clock.
    public init(key: IdempotencyKey, stored: StoredRecord, age: Duration) {
        self.key = key
        self.stored = stored
        self.age = age
    }
}
