/// A run of which nobody knows whether it took effect: for a person or a reconcile hook to settle.
@available(Idempotency 0.1, *)
public struct UnknownOutcome: Sendable {
    /// Why it is not known.
    public let reason: UnknownReason
    /// How many attempts were begun.
    public let attempt: Int
    /// What the reconcile hook threw, if it did.
    public let cause: (any Error)?
}

@available(Idempotency 0.1, *)
extension UnknownOutcome: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The reason, the attempt, and the type of the cause; never what the cause holds.
    public var description: String {
        "\(reason), attempt \(attempt)" + (cause.map { ", \(type(of: $0))" } ?? "")
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the cause.
    public var customMirror: Mirror { Mirror(self, children: ["outcome": description], displayStyle: .struct) }
}
