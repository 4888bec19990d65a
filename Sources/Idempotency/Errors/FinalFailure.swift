/// An error that is the final answer to a key: kept like a result, and thrown again to every duplicate.
///
/// Declare with it what the business decided ("card declined"), never what went wrong on the way ("timed out").
/// The name is what the record keeps, so that renaming the Swift type does not orphan what is stored.
///
/// ```swift
/// enum CardError: FinalFailure {
///     static let failureName = "card-error"
///     case declined(reason: String)
/// }
/// ```
@available(Idempotency 0.1, *)
public protocol FinalFailure: Error, Codable, Sendable {
    /// The stable name under which the error is kept; 1 to 255 bytes.
    static var failureName: String { get }
}
