/// Where a page of records ended. Only the store that made it can read it; it holds no key.
@available(Idempotency 0.1, *)
public struct RecordCursor: RawRepresentable, Hashable, Sendable {
    /// The text, to be handed to an operator and taken back.
    public let rawValue: String

    /// Takes a cursor as it was handed out.
    ///
    /// - Parameter rawValue: The text.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }
}
