/// What a ``LoggingObserver`` tells beside what is safe in any log: nothing, unless it is asked for.
///
/// No key's value can be asked for: events do not hold one.
@available(Idempotency 0.1, *)
public struct LogDisclosure: OptionSet, Sendable {
    /// The bits.
    public let rawValue: Int

    /// Takes the bits as they are.
    ///
    /// - Parameter rawValue: The bits.
    public init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// The scope's tenant, as `idempotency.tenant`. It may name a person or a customer.
    public static let tenant = LogDisclosure(rawValue: 1)

    /// The scope's principal, as `idempotency.principal`. It often names a person.
    public static let principal = LogDisclosure(rawValue: 2)

    /// The description of an error, as `idempotency.error.text`. **Unsafe**: whoever wrote the error decided what it says.
    /// Handlers put payloads into their errors, and drivers put rows and statements with their values into theirs.
    public static let unsafeErrorText = LogDisclosure(rawValue: 4)
}
